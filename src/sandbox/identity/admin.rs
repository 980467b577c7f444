//! What an administrator of the tenant does: consents for everybody, gives a person or an app a right on a mailbox. Who
//! rehearses plays both parts, so nobody is asked who it is.

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use url::Url;

use super::{
    Fields, Identity, Shared, authorize,
    errors::Refused,
    known_tenant,
    pages::{self, Pages},
    rehearsal,
};
use crate::sandbox::{
    TENANT_ID,
    exchange::faults::{Granted, Right},
};

/// Entra's admin consent endpoint (entra-docs, v2-admin-consent).
pub async fn consent_page(
    State(identity): Shared,
    pages: Pages,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    let asked = match Asked::read(&identity, &tenant, &fields) {
        Ok(asked) => asked,
        Err(refused) => return pages.refusal(&refused),
    };
    if identity.approves_itself() {
        return asked.granted(&identity, pages);
    }
    let inputs: String = asked
        .fields()
        .iter()
        .map(|(name, value)| format!("<input type=hidden name={name} value=\"{}\">", pages::escaped(value)))
        .collect();
    let body = format!(
        "<p>{} <code>{}</code></p><p>{}</p><form method=post>{inputs}<button id=accept>{}</button></form>",
        pages.told("Application:"),
        pages::escaped(&asked.client_id),
        pages.told(
            "It would like to have what it asks for, for everybody in the organization. You accept as an administrator."
        ),
        pages.told("Accept"),
    );
    pages.page("Permissions requested", &body)
}

/// Whoever has no browser posts nothing to the address as it is printed.
pub async fn consent(
    State(identity): Shared,
    pages: Pages,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let mut fields = Fields::parse(&body);
    fields.0.extend(Fields::parse(query.unwrap_or_default().as_bytes()).0);
    match Asked::read(&identity, &tenant, &fields) {
        Ok(asked) => asked.granted(&identity, pages),
        Err(refused) => pages.refusal(&refused),
    }
}

struct Asked {
    client_id: String,
    redirect_uri: Option<String>,
    state: Option<String>,
}

impl Asked {
    fn read(identity: &Identity, tenant: &str, fields: &Fields) -> Result<Self, Refused> {
        known_tenant(identity, tenant)?;
        let client_id = fields.required("client_id")?.to_owned();
        let app = identity.world.tenant.app(&client_id).ok_or_else(|| authorize::unknown_client(&client_id))?;
        let redirect_uri = fields.text("redirect_uri").map(str::to_owned);
        if redirect_uri.as_ref().is_some_and(|asked| !authorize::is_registered(&app, asked)) {
            return Err(Refused::new(50011));
        }
        Ok(Self { client_id, redirect_uri, state: fields.text("state").map(str::to_owned) })
    }

    fn fields(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("client_id", Some(self.client_id.as_str())),
            ("redirect_uri", self.redirect_uri.as_deref()),
            ("state", self.state.as_deref()),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    fn granted(self, identity: &Identity, pages: Pages) -> Response {
        identity.memory(|memory| memory.consented.insert(self.client_id.clone()));
        identity.world.faults.set(|faults| {
            faults.identity.consented.retain(|app| *app != self.client_id);
            faults.identity.consented.push(self.client_id.clone());
            // Graph knows a token by its holder, and not which app it was issued to.
            faults.graph.mishap.take_if(|mishap| mishap.is_of_permission());
        });
        let Some(mut target) = self.redirect_uri.and_then(|to| Url::parse(&to).ok()) else {
            return pages.message("Permissions granted", "Everybody in the organization may use this application now.");
        };
        target.query_pairs_mut().append_pair("admin_consent", "True").append_pair("tenant", TENANT_ID);
        if let Some(state) = &self.state {
            target.query_pairs_mut().append_pair("state", state);
        }
        (StatusCode::FOUND, [(header::LOCATION, target.to_string())]).into_response()
    }
}

/// `Add-MailboxPermission` and `Add-RecipientPermission`, at once and not after an hour.
pub async fn grant(State(identity): Shared, pages: Pages, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    let text = |name: &str| fields.text(name).unwrap_or_default();
    let right = match text("right") {
        "full-access" => Right::FullAccess,
        "send-as" => Right::SendAs,
        _ => return (StatusCode::BAD_REQUEST, "right is full-access or send-as\n").into_response(),
    };
    let (mailbox, to) = (text("mailbox").to_owned(), text("to").to_owned());
    let tenant = &identity.world.tenant;
    if tenant.person(&mailbox).is_none() || !(tenant.person(&to).is_some() || tenant.has_app_of(&to)) {
        let text = "mailbox is an address of this tenant, and to is one as well, or the object id of an app\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    let granted = Granted { right, mailbox, to };
    identity.world.faults.set(|faults| {
        faults.exchange.granted.retain(|one| *one != granted);
        faults.exchange.granted.push(granted);
    });
    rehearsal::front(State(identity), pages).await
}
