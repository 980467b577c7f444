//! What Microsoft tells everybody about a domain: the OpenID configuration names its tenant and the cloud it lives in.

use serde::Deserialize;
use url::Url;

/// A tenant, and the preset of its cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub id: String,
    pub provider: &'static str,
}

#[derive(Deserialize)]
struct OpenIdConfiguration {
    issuer: String,
    #[serde(default)]
    cloud_instance_name: String,
    #[serde(default)]
    tenant_region_sub_scope: Option<String>,
}

/// `None`: this is no answer about a tenant. The id is a GUID, so that nothing else can get into a URL or a file.
pub fn tenant(body: &[u8]) -> Option<Tenant> {
    let found: OpenIdConfiguration = serde_json::from_slice(body).ok()?;
    let issuer = Url::parse(&found.issuer).ok()?;
    let id = issuer.path_segments()?.next().filter(|id| is_guid(id))?.to_ascii_lowercase();
    let clouds = [issuer.host_str().unwrap_or_default(), &found.cloud_instance_name];
    let in_cloud = |end: &str| clouds.iter().any(|cloud| cloud.ends_with(end));
    let provider = match found.tenant_region_sub_scope.as_deref() {
        _ if in_cloud("microsoftonline.cn") => "microsoft365-china",
        Some("DOD") if in_cloud("microsoftonline.us") => "microsoft365-dod",
        _ if in_cloud("microsoftonline.us") => "microsoft365-gcc-high",
        _ => "microsoft365",
    };
    Some(Tenant { id, provider })
}

/// `c0ffee00-0000-4000-8000-00000000cafe`
pub fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c0ffee00-0000-4000-8000-00000000cafe";

    #[test]
    fn a_tenant_is_known_by_its_issuer_and_its_cloud_by_name_and_region() {
        for (host, cloud, region, provider) in [
            ("login.microsoftonline.com", "microsoftonline.com", "null", "microsoft365"),
            ("login.microsoftonline.com", "microsoftonline.com", "\"GCC\"", "microsoft365"),
            ("login.microsoftonline.us", "microsoftonline.us", "\"DODCON\"", "microsoft365-gcc-high"),
            ("login.microsoftonline.us", "microsoftonline.us", "\"DOD\"", "microsoft365-dod"),
            ("login.partner.microsoftonline.cn", "partner.microsoftonline.cn", "null", "microsoft365-china"),
        ] {
            let body = format!(
                r#"{{"issuer":"https://{host}/{ID}/v2.0","cloud_instance_name":"{cloud}","tenant_region_sub_scope":{region}}}"#
            );
            assert_eq!(tenant(body.as_bytes()), Some(Tenant { id: ID.into(), provider }), "{body}");
        }
    }

    #[test]
    fn what_names_no_tenant_is_no_answer() {
        for body in [
            "<html>a hotel's page</html>",
            "{}",
            r#"{"issuer":"https://login.microsoftonline.com/{tenantid}/v2.0"}"#,
            r#"{"issuer":"https://login.microsoftonline.com/../../v2.0"}"#,
            r#"{"issuer":"https://accounts.google.com"}"#,
            r#"{"error":"invalid_tenant","error_description":"AADSTS90002: not found"}"#,
        ] {
            assert_eq!(tenant(body.as_bytes()), None, "{body}");
        }
    }
}
