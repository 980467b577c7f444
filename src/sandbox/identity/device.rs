//! Device code (RFC 8628 as Entra does it: no `verification_uri_complete`, 15 minutes, every 5 seconds).

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    response::Response,
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    Fields, Shared,
    authorize::unknown_client,
    errors::Refused,
    grant::Answer,
    known_tenant,
    memory::{DEVICE_LIFE, Device, Purpose, Verdict},
    pages::Pages,
    scope, token,
};
use crate::sandbox::{
    tenant::{self, random},
    transcript::Speaker,
};

/// Letters that nobody mistakes for others.
const ALPHABET: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";

/// POST, and GET as some clients send it.
pub async fn code(
    State(identity): Shared,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    identity.note(Speaker::Client, &format!("POST /{tenant}/oauth2/v2.0/devicecode"));
    let mut fields = Fields::parse(&body);
    fields.0.extend(Fields::parse(query.unwrap_or_default().as_bytes()).0);
    token::upset(&identity, "devicecode", async || -> Result<_, Refused> {
        known_tenant(&identity, &tenant)?;
        let client_id = fields.required("client_id")?;
        let app = identity.world.tenant.app(client_id).ok_or_else(|| unknown_client(client_id))?;
        if !app.is_public() || identity.world.faults.read(|faults| faults.identity.public_flows_blocked) {
            return Err(Refused::new(7000218));
        }
        let scopes = scope::split(fields.required("scope")?);
        scope::audience(&scopes)?;
        let verdict = match identity.anybody(None) {
            Some(user) if identity.approves_itself() => Verdict::Approved(user),
            _ => Verdict::Waiting,
        };
        let user_code = user_code();
        let device_code = tenant::random_text(190);
        let device = Device {
            user_code: user_code.clone(),
            client_id: client_id.to_owned(),
            scopes,
            verdict,
            expires: Instant::now() + DEVICE_LIFE,
            last_poll: None,
        };
        identity.memory(|memory| memory.devices.put(device_code.clone(), device));
        let address = format!("{}/devicelogin", identity.origin);
        let message = format!(
            "To sign in, use a web browser to open the page {address} and enter the code {user_code} to authenticate."
        );
        Ok(json!({
            "user_code": user_code, "device_code": device_code, "verification_uri": address,
            "expires_in": DEVICE_LIFE.as_secs(), "interval": identity.device_interval, "message": message,
        }))
    })
    .await
}

fn user_code() -> String {
    let letter = |byte: u8| ALPHABET.get(usize::from(byte) % ALPHABET.len()).copied().unwrap_or(b'A');
    random::<9>().iter().map(|byte| char::from(letter(*byte))).collect()
}

pub async fn page(pages: Pages, RawQuery(query): RawQuery) -> Response {
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    pages.device(fields.text("otc").unwrap_or_default(), None)
}

pub async fn enter(State(identity): Shared, pages: Pages, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    let entered = fields.text("code").unwrap_or_default().trim().to_owned();
    let device = identity.memory(|memory| {
        let mut devices = memory.devices.all();
        let live = devices.find(|device| device.user_code.eq_ignore_ascii_case(&entered))?;
        (live.expires > Instant::now()).then(|| live.clone())
    });
    match device {
        Some(Device { user_code, client_id, scopes, verdict: Verdict::Waiting, .. }) => {
            let flow = identity.open_page(Purpose::Device { user_code, client_id, scopes });
            pages.sign_in(&flow, "", None, &identity.people())
        }
        Some(Device { verdict: Verdict::Approved(_) | Verdict::Redeemed, .. }) => {
            pages.message("Sign in", "This code was approved already. You may now close this window.")
        }
        _ => pages.device(&entered, Some("That code didn't work. Check the code and try again.")),
    }
}

/// What a poll gets: the person who approved and the scopes, or how the matter stands.
pub fn poll(identity: &super::Identity, device_code: &str, client_id: &str) -> Result<(String, Vec<String>), Answer> {
    let interval = std::time::Duration::from_secs(identity.device_interval);
    let slow_down = identity.world.faults.set(|faults| {
        let slow = faults.identity.slow_down > 0;
        faults.identity.slow_down = faults.identity.slow_down.saturating_sub(1);
        (slow, faults.identity.strict_interval)
    });
    let outcome = identity.memory(|memory| {
        let device = memory.devices.entry(device_code).ok_or(Some(70018))?;
        let now = Instant::now();
        let hasty = device.last_poll.is_some_and(|last| now.duration_since(last) < interval);
        device.last_poll = Some(now);
        if device.client_id != client_id {
            return Err(Some(70018));
        }
        if slow_down.0 || (slow_down.1 && hasty) {
            return Err(None);
        }
        match &device.verdict {
            _ if device.expires <= now => Err(Some(70019)),
            Verdict::Waiting => Err(Some(70016)),
            Verdict::Declined => Err(Some(0)),
            Verdict::Redeemed => Err(Some(70018)),
            Verdict::Approved(user) => {
                let granted = (user.clone(), device.scopes.clone());
                device.verdict = Verdict::Redeemed;
                Ok(granted)
            }
        }
    });
    outcome.map_err(|code| match code {
        None => Answer::plain("slow_down", "Polling too often."),
        Some(0) => Answer::plain("authorization_declined", "The user denied the authorization request."),
        Some(code) => Refused::new(code).into(),
    })
}
