//! Scopes name their resource: `https://outlook.office.com/SMTP.Send` is one permission of one resource, and one
//! access token is good for one resource (entra-docs, scopes-oidc).

use super::errors::Refused;

pub const EXCHANGE: &str = "https://outlook.office.com";
const GRAPH: &str = "https://graph.microsoft.com";
const RESOURCES: [&str; 9] = [
    EXCHANGE,
    "https://outlook.office365.com",
    "https://outlook.office365.us",
    "https://partner.outlook.cn",
    "https://ps.outlook.com",
    GRAPH,
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];
/// Not permissions of any resource.
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// All delegated permissions for mail.
pub fn mail() -> Vec<String> {
    ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"].map(|name| format!("{EXCHANGE}/{name}")).into()
}

pub fn split(scope: &str) -> Vec<String> {
    scope.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The resource of a token and its permissions, from what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    pub resource: String,
    pub scopes: Vec<String>,
}

/// One resource, or the reason why not.
pub fn audience(scopes: &[String]) -> Result<Audience, Refused> {
    let mut all = audiences(scopes)?;
    match all.len() {
        0 => Ok(Audience { resource: GRAPH.into(), scopes: vec![format!("{GRAPH}/User.Read")] }),
        1 => Ok(all.remove(0)),
        _ => Err(Refused::new(28000)),
    }
}

/// Whether a person consented to all of it; `.default` is whatever was consented to of that resource.
pub fn is_consented(consented: &[String], asked: &Audience) -> bool {
    let of_resource = |scope: &&String| scope.starts_with(&format!("{}/", asked.resource));
    let has = |wanted: &String| match wanted.ends_with("/.default") {
        true => consented.iter().any(|scope| of_resource(&scope)),
        false => consented.iter().any(|scope| scope.eq_ignore_ascii_case(wanted)),
    };
    asked.scopes.iter().all(has)
}

/// The resources asked for, in order; the authorize endpoint lets a person consent to several.
pub fn audiences(scopes: &[String]) -> Result<Vec<Audience>, Refused> {
    let mut found: Vec<Audience> = Vec::new();
    for scope in scopes.iter().filter(|scope| !OPENID.contains(&scope.as_str())) {
        let resource = match scope.rsplit_once('/') {
            Some((resource, name)) if scope.starts_with("https://") && !name.is_empty() => {
                resource.trim_end_matches('/')
            }
            None => GRAPH,
            _ => return Err(Refused::because(70011, format!("The scope '{scope}' is not valid."))),
        };
        if !RESOURCES.contains(&resource) {
            let text = format!("The resource principal named {resource} was not found in the tenant named Contoso.");
            return Err(Refused::because(500011, text));
        }
        match found.iter_mut().find(|audience| audience.resource == resource) {
            Some(audience) => audience.scopes.push(scope.clone()),
            None => found.push(Audience { resource: resource.into(), scopes: vec![scope.clone()] }),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_is_for_one_resource() {
        let mut scopes = mail();
        scopes.push("offline_access".into());
        assert_eq!(audience(&scopes).expect("one").resource, EXCHANGE);
        scopes.push("https://graph.microsoft.com/Mail.Send".into());
        assert_eq!(audience(&scopes), Err(Refused::new(28000)));
        assert_eq!(audiences(&scopes).expect("two").len(), 2);
    }

    #[test]
    fn a_mistyped_resource_is_not_found() {
        assert_eq!(
            audience(&split("https://outlok.office.com/SMTP.Send")).map_err(|refused| refused.code),
            Err(500011)
        );
    }
}
