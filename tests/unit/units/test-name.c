/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test-name.c - which strings are the name of one unit. The table is meant to grow with every trick
 * that somebody thinks of; the verdicts are those of systemd-analyze and LoadUnit, except that a
 * name without type suffix is refused where systemctl would guess.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "units/units.h"

static const char *const good[] = {
        "nginx.service",
        "a.service",
        "dbus.socket",
        "multi-user.target",
        "-.mount",
        "-.slice",
        "home.mount",
        "proc-sys-fs-binfmt_misc.automount",
        "dev-disk-by\\x2duuid-1.swap",
        "dev-sda.device",
        "apt-daily.timer",
        "systemd-ask-password-wall.path",
        "user-1000.slice",
        "session-1.scope",
        "getty@tty1.service",
        "user@1000.service",
        "postgresql@15-main.service",
        "a@b@c.service",
        "container@a.b.service",
        "x@y.service.service",
        "dbus-org.freedesktop.login1.service",
        "a:b.service",
        "A_Z.service",
        "0.target",
        "..service",
        "systemd-fsck@dev-disk-by\\x2dlabel-EFI.service",
};

static const char *const bad[] = {
        "",
        ".",
        "..",
        "nginx",
        "nginx.",
        ".service",
        "nginx.services",
        "nginx.Service",
        "nginx.conf",
        "nginx.snapshot",
        "nginx.busname",
        "nginx.service ",
        " nginx.service",
        "nginx .service",
        "nginx.service\n",
        "nginx\n.service",
        "nginx\tx.service",
        "/etc/systemd/system/nginx.service",
        "/nginx.service",
        "./nginx.service",
        "../nginx.service",
        "a/b.service",
        "..%2fnginx.service/x.service",
        "/dev/sda",
        "getty@.service",
        "@.service",
        "@tty1.service",
        "*.service",
        "nginx*.service",
        "ngin?.service",
        "ngin[x].service",
        "nginx.service;reboot.target",
        "nginx.service reboot.target",
        "nginx.service,reboot.target",
        "nginx.target.service.x",
        "$(reboot).service",
        "`reboot`.service",
        "%i.service",
        "nginx|x.service",
        "nginx&.service",
        "nginx!.service",
        "nginx=1.service",
        "nginx+.service",
        "nginx~.service",
        "n\xc3\xa4h.service",
        "\xff.service",
        "nginx\xe2\x80\xae.service",
        "nginx.service/org",
        "--force.service --now",
        "nginx.service@",
        "nginx.@x",
};

static void good_names_are_taken(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                Failure f = { 0 };

                if (unit_name_check(good[i], &f) != 0)
                        fail_msg("'%s' refused: %s", good[i], f.message);
                assert_null(f.message);
        }
}

static void bad_names_are_refused(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Failure f = { 0 };

                if (unit_name_check(bad[i], &f) != EXM_E_INVALID_ARGS)
                        fail_msg("'%s' taken", bad[i]);
                assert_int_equal(f.condition, EXM_E_INVALID_ARGS);
                /* What goes into logs and terminals has no raw control character. */
                assert_null(strpbrk(f.message, "\n\t\xff"));
                failure_done(&f);
        }
}

static void length_ends_at_255(void **state)
{
        char name[300];

        memset(name, 'a', sizeof(name));
        strcpy(name + 255 - strlen(".service"), ".service");
        assert_int_equal(strlen(name), 255);
        assert_int_equal(unit_name_check(name, NULL), 0);

        memset(name, 'a', sizeof(name));
        strcpy(name + 256 - strlen(".service"), ".service");
        assert_int_equal(strlen(name), 256);
        assert_int_equal(unit_name_check(name, NULL), EXM_E_INVALID_ARGS);
}

static void every_verb_has_its_word(void **state)
{
        for (UnitVerb v = 0; v < _UNIT_VERB_MAX; v++) {
                assert_non_null(unit_verb_to_string(v));
                for (UnitVerb w = 0; w < v; w++)
                        assert_string_not_equal(unit_verb_to_string(v), unit_verb_to_string(w));
        }
        assert_string_equal(unit_verb_to_string(UNIT_RELOAD_OR_RESTART), "reload-or-restart");
        assert_null(unit_verb_to_string(_UNIT_VERB_MAX));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_names_are_taken),
                cmocka_unit_test(bad_names_are_refused),
                cmocka_unit_test(length_ends_at_255),
                cmocka_unit_test(every_verb_has_its_word),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
