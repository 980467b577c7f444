//! Why nothing would come of a flag, in both languages.

use crate::cli::setup::interview::Idle;

pub const fn en(why: Idle) -> &'static str {
    match why {
        Idle::NobodySignsIn => "an app that acts by itself signs in without anybody",
        Idle::AppProvesNothing => {
            "it proves an app that acts by itself (--grant client-credentials), and here a person signs in"
        }
        Idle::NoTenants => "this provider has no tenants",
        Idle::IsOfTheService => "this is the configuration of the service, which signs in and sends as its own user",
        Idle::HasPasswords => "each account has its password already, and no message is sent that would need it",
    }
}

pub const fn ja(why: Idle) -> &'static str {
    match why {
        Idle::NobodySignsIn => "アプリ専用のグラントでは、誰もサインインしません",
        Idle::AppProvesNothing => {
            "アプリ専用のグラント（--grant client-credentials）で使うもので、ここでは人がサインインします"
        }
        Idle::NoTenants => "このプロバイダーにはテナントがありません",
        Idle::IsOfTheService => "これはサービスの設定で、サインインと送信はサービスのユーザーが行います",
        Idle::HasPasswords => "どのアカウントにもパスワードがすでにあり、それを使うメッセージも送信しません",
    }
}
