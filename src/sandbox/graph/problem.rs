//! Graph's error bodies: a code, its words, and an id by which Microsoft's support finds the request.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::sandbox::tenant::random_text;

#[derive(Clone, Debug)]
pub struct Problem {
    status: u16,
    code: String,
    text: String,
    retry_after: Option<u64>,
}

impl Problem {
    pub fn new(status: u16, code: &str, text: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), text: text.into(), retry_after: None }
    }

    pub fn after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after = seconds;
        self
    }

    pub fn bad_token(text: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", text)
    }

    pub fn denied() -> Self {
        Self::new(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    }

    pub fn is_denied(&self) -> bool {
        self.code == "ErrorAccessDenied"
    }

    pub fn throttled(text: &str, seconds: u64) -> Self {
        Self::new(429, "ApplicationThrottled", text).after(Some(seconds))
    }

    pub fn too_large() -> Self {
        Self::new(413, "BadRequest", "The request entity is too large.")
    }

    pub fn malformed(text: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", text)
    }

    pub fn no_recipients() -> Self {
        Self::new(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let id = random_text(24);
        let body = json!({ "error": {
            "code": self.code, "message": self.text, "innerError": { "request-id": id, "client-request-id": id },
        }});
        let mut response = (status, Json(body)).into_response();
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("request-id", id);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
