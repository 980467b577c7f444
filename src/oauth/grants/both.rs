//! Mail and Microsoft Graph by device codes, for the command and the console alike.
//!
//! A device code is for one resource, and consent is for all: where that for Graph is missing, a second code asks for
//! it. Whatever becomes of that one, the sign-in for mail was granted and stays; and what somebody else gave never comes
//! under the name of the first.

use super::super::{
    App, Resource,
    endpoints::{Endpoints, TokenSet},
    found,
    verdict::Verdict,
};
use crate::{
    base::{Lang, invocation::gatepost, printable},
    catalog::{said_in, token::GRAPH_CONSENT_MISSING},
};

/// What comes behind a sign-in for mail.
pub enum Behind {
    /// Graph is granted too.
    Nothing(TokenSet),
    /// A second code asks for Graph, with this registration. Boxed, since it is large.
    SecondCode(TokenSet, Box<App>),
    /// Mail is granted; whether Graph is, shows when a message is there.
    Unknown(TokenSet, WithoutGraph),
}

/// Why only mail is granted.
#[derive(Debug)]
pub enum WithoutGraph {
    Refused(Verdict),
    Unasked(Verdict),
    /// Each by name, where the provider said one.
    SomebodyElse {
        first: Option<String>,
        second: Option<String>,
    },
}

impl WithoutGraph {
    /// What is wrong, and what to do.
    pub fn text(&self, lang: Lang) -> String {
        let name = |name: &Option<String>| name.as_deref().map(|name| printable(name, 320));
        match (self, lang) {
            (Self::Refused(verdict), Lang::En) => format!(
                "Microsoft Graph was not granted: {}. The sign-in for mail is kept; {}",
                said_in(verdict.entry, verdict.entry.words(lang).cause.trim_end_matches('.'), lang),
                for_graph(verdict, lang)
            ),
            (Self::Refused(verdict), Lang::Ja) => format!(
                "Microsoft Graph は許可されませんでした：{}。メールのサインインは有効です。{}",
                said_in(verdict.entry, &verdict.entry.words(lang).cause, lang),
                for_graph(verdict, lang)
            ),
            (Self::Unasked(verdict), Lang::En) => {
                format!("Microsoft Graph could not be asked: {}", printable(&verdict.detail, 500))
            }
            (Self::Unasked(verdict), Lang::Ja) => {
                format!(
                    "Microsoft Graph に問い合わせできませんでした：{}",
                    printable(&found(lang, &verdict.detail), 500)
                )
            }
            (Self::SomebodyElse { first, second }, Lang::En) => {
                let nobody = || "somebody whom the provider does not name".to_owned();
                format!(
                    "the second code was approved by {}, the first by {}. What the second gave is not used, the sign-in \
                     for mail is kept; sign in again and approve both as the same person",
                    name(second).unwrap_or_else(nobody),
                    name(first).unwrap_or_else(nobody)
                )
            }
            (Self::SomebodyElse { first, second }, Lang::Ja) => {
                let nobody = || "（プロバイダーが名前を示さないユーザー）".to_owned();
                format!(
                    "2つ目のコードは {}、1つ目のコードは {} が承認しました。2つ目で得たものは使わず、メールのサインインはそのまま有効です。\
                     同じユーザーで両方を承認するよう、再度サインインしてください。",
                    name(second).unwrap_or_else(nobody),
                    name(first).unwrap_or_else(nobody)
                )
            }
        }
    }
}

/// Asks for Graph with what mail was granted.
pub async fn behind_mail(endpoints: Endpoints<'_>, set: TokenSet) -> Behind {
    let (Some(graph), Some(refresh)) = (endpoints.app.for_graph(), &set.refresh) else { return Behind::Nothing(set) };
    let asked = Endpoints { app: &graph, ..endpoints }.refresh(refresh).await;
    match asked.map_err(|verdict| verdict.about(Resource::Graph)) {
        // One refresh token serves both; the last one is the one that lives longest.
        Ok(granted) => Behind::Nothing(TokenSet { refresh: granted.refresh.or(set.refresh), ..set }),
        Err(verdict) if verdict.entry.id == GRAPH_CONSENT_MISSING.id => Behind::SecondCode(set, Box::new(named(graph))),
        Err(verdict) => Behind::Unknown(set, WithoutGraph::Unasked(verdict)),
    }
}

/// The refresh token of the sign-in for mail serves Graph as soon as somebody consents to that.
fn for_graph(verdict: &Verdict, lang: Lang) -> String {
    let explain = format!("`{} explain {}`", gatepost(), verdict.entry.id);
    match (verdict.entry.id == GRAPH_CONSENT_MISSING.id, lang) {
        (true, Lang::En) => {
            format!("once an administrator consents, nobody has to sign in again ({explain} says where that is)")
        }
        (true, Lang::Ja) => {
            format!("管理者が同意すれば、再度のサインインは不要です（同意の方法：{explain}）。")
        }
        (false, Lang::En) => "sign in again for Graph".to_owned(),
        (false, Lang::Ja) => "Graph については、再度サインインしてください。".to_owned(),
    }
}

/// The registration as the first code, that for mail, asks with.
pub fn first(app: &App) -> App {
    if app.graph.is_some() { named(app.clone()) } else { app.clone() }
}

/// So that the answer names who gave it: two answers of two people must not become one sign-in.
fn named(mut app: App) -> App {
    for scope in ["openid", "profile"] {
        if app.resource.is_none() && !app.scopes.iter().any(|one| one == scope) {
            app.scopes.push(scope.to_owned());
        }
    }
    app
}

/// What both codes together granted.
/// How long the second one took says nothing of the clock.
pub fn joined(mail: TokenSet, second: Result<TokenSet, Verdict>) -> (TokenSet, Option<WithoutGraph>) {
    let mail = TokenSet { date: None, ..mail };
    let granted = match second {
        Ok(granted) => granted,
        Err(verdict) => return (mail, Some(WithoutGraph::Refused(verdict.about(Resource::Graph)))),
    };
    match (&mail.account, &granted.account) {
        (Some(first), Some(second)) if first.eq_ignore_ascii_case(second) => {
            (TokenSet { refresh: granted.refresh.or(mail.refresh), date: granted.date, ..mail }, None)
        }
        (first, _) => {
            let other = WithoutGraph::SomebodyElse { first: first.clone(), second: granted.account };
            (mail, Some(other))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::{
        base::Secret,
        catalog::token::{ADMIN_CONSENT_NEEDED, CONSENT_DECLINED},
    };

    fn granted(refresh: &str, account: Option<&str>) -> TokenSet {
        TokenSet {
            access: Secret::new("access"),
            life: Duration::from_secs(3600),
            refresh: Some(Secret::new(refresh)),
            scope: None,
            account: account.map(str::to_owned),
            date: None,
        }
    }

    /// Whoever takes minutes for the second code has no wrong clock.
    #[test]
    fn the_clock_is_compared_with_the_answer_that_came_last_or_with_none() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let of = |account, seconds| TokenSet { date: at(seconds), ..granted("r", account) };
        let (ann, bob) = (Some("ann@contoso.com"), Some("bob@contoso.com"));
        assert_eq!(joined(of(ann, 10), Ok(of(ann, 700))).0.date, at(700));
        assert_eq!(joined(of(ann, 10), Ok(of(bob, 700))).0.date, None);
        let refused = Verdict::new(CONSENT_DECLINED, "no");
        assert_eq!(joined(of(ann, 10), Err(refused)).0.date, None);
    }

    #[test]
    fn what_somebody_else_or_nobody_by_name_gave_is_not_used() {
        let (ann, bob) = (Some("ann@contoso.com"), Some("bob@contoso.com"));
        for (first, second, kept) in [
            (ann, Some("Ann@Contoso.com"), "second"),
            (ann, bob, "first"),
            (ann, None, "first"),
            (None, bob, "first"),
            (None, None, "first"),
        ] {
            let (set, without) = joined(granted("first", first), Ok(granted("second", second)));
            assert_eq!(set.refresh.unwrap().expose(), kept, "{first:?} {second:?}");
            assert_eq!((set.account.as_deref(), without.is_some()), (first, kept == "first"));
        }
    }

    #[test]
    fn a_second_code_that_is_declined_takes_no_mail_sign_in_away() {
        let verdict = Verdict::new(CONSENT_DECLINED, "");
        let (set, without) = joined(granted("first", None), Err(verdict));
        assert_eq!(set.refresh.unwrap().expose(), "first");
        let said = without.unwrap();
        assert!(
            said.text(Lang::En).contains("[consent-declined]") && said.text(Lang::Ja).contains("[consent-declined]")
        );
    }

    #[test]
    fn where_an_administrator_has_to_consent_nobody_is_told_to_sign_in_again() {
        let verdict = Verdict::new(ADMIN_CONSENT_NEEDED, "");
        let said = joined(granted("first", None), Err(verdict)).1.unwrap();
        for (lang, again) in [(Lang::En, "sign in again for Graph"), (Lang::Ja, "再度サインインしてください")]
        {
            let told = said.text(lang);
            assert!(told.contains("`gatepost explain graph-consent-missing`") && !told.contains(again), "{told}");
        }
    }
}
