"""At which addresses do people come in, go out, and look after their account and keys?"""

from __future__ import annotations

from django.urls import path

from accounts.views import (
    account,
    again,
    emails,
    forgotten,
    installation,
    keys,
    operator_second,
    operators,
    second_factors,
    second_step,
    sign_in,
)

app_name = "accounts"

urlpatterns = [
    path("", sign_in.front, name="front"),
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-in/workspace/", sign_in.choose, name="choose"),
    path("sign-in/second/", second_step.second, name="second"),
    path("sign-in/again/", again.again, name="again"),
    path("sign-in/forgotten/", forgotten.forgotten, name="forgotten"),
    path("sign-in/reset/", forgotten.reset, name="reset"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="password"),
    path("account/email/", emails.change, name="email"),
    path("account/email/confirm/", emails.confirm, name="email_confirm"),
    path("account/second-factor/", second_factors.second_factor, name="second_factor"),
    path("account/second-factor/begin/", second_factors.begin, name="second_factor_begin"),
    path("account/second-factor/set-up/", second_factors.set_up, name="second_factor_set_up"),
    path("account/second-factor/switch-off/", second_factors.switch_off, name="second_factor_off"),
    path("account/second-factor/recovery-codes/", second_factors.recovery_codes, name="second_factor_codes"),
    path("account/sessions/end/", account.end_all_sessions, name="end_all_sessions"),
    path("account/sessions/<uuid:session_id>/end/", account.end_session, name="end_session"),
    path("account/installation/", installation.installation, name="installation"),
    path("keys/", keys.key_list, name="keys"),
    path("keys/new/", keys.key_create, name="key_create"),
    path("keys/<uuid:key_id>/revoke/", keys.key_revoke, name="key_revoke"),
    path("operator/sign-in/", operators.sign_in, name="operator_sign_in"),
    path("operator/sign-in/second/", operator_second.second, name="operator_second"),
    path("operator/sign-in/enrol/", operator_second.enrol, name="operator_enrol"),
    path("operator/sign-out/", operators.sign_out, name="operator_sign_out"),
]
