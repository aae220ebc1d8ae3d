//! What a request is about, and what answers look like in each protocol.

use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};

/// A call, as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The service, by the name IAM knows it by.
    pub(crate) service: String,
    /// The operation.
    pub(crate) operation: String,
    /// The body: a form, JSON or CBOR.
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

impl Request {
    /// Reads a signed request; `None` for what nobody signed.
    pub(crate) fn read(parts: &Parts, body: Bytes) -> Option<Self> {
        let signature = parts.headers.get("authorization")?.to_str().ok()?;
        let scope = signature.split_once("Credential=")?.1;
        let service = match scope.split('/').nth(3)? {
            "monitoring" => "cloudwatch",
            other => other,
        };
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let operation = match (parts.uri.path().rsplit_once("/operation/"), target) {
            (Some((_, operation)), _) => operation.to_owned(),
            (None, Some(target)) => target.rsplit('.').next()?.to_owned(),
            (None, None) => field(&body, "Action")?,
        };
        Some(Self { service: service.to_owned(), operation, body })
    }

    /// The first instance the request names, in whatever protocol.
    pub(crate) fn instance(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.body);
        let id = |rest: &str| -> Option<String> {
            let hex: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            (hex.len() == 17).then(|| format!("i-{hex}"))
        };
        text.split("i-").skip(1).find_map(id)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A field of a form that needs no unescaping.
fn field(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

impl Reply {
    pub(crate) fn xml(body: String) -> Self {
        Self { status: 200, kind: "text/xml;charset=UTF-8", body }
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self { status: 200, kind: "application/x-amz-json-1.0", body: body.to_string() }
    }

    /// An error of the JSON protocols. `more` stands beside its name.
    pub(crate) fn error(code: &str, message: &str, mut more: Value) -> Self {
        if let Some(fields) = more.as_object_mut() {
            fields.insert("__type".to_owned(), json!(code));
            fields.insert("message".to_owned(), json!(message));
        }
        Self { status: 400, ..Self::json(&more) }
    }
}

/// The answer of a service that has had too many requests.
pub(crate) fn throttled(service: &str) -> Reply {
    match service {
        "ec2" => Reply {
            status: 503,
            ..Reply::xml(
                "<Response><Errors><Error><Code>RequestLimitExceeded</Code>\
                 <Message>Request limit exceeded.</Message></Error></Errors>\
                 <RequestID>0</RequestID></Response>"
                    .to_owned(),
            )
        },
        "autoscaling" | "sns" => query_error("Throttling", "Rate exceeded"),
        "dynamodb" => Reply::error(
            "com.amazonaws.dynamodb.v20120810#ThrottlingException",
            "Rate exceeded",
            json!({}),
        ),
        _ => Reply::error("ThrottlingException", "Rate exceeded", json!({})),
    }
}

fn query_error(code: &str, message: &str) -> Reply {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    );
    Reply { status: 400, ..Reply::xml(body) }
}

/// What this stub does not play. It is an error, so that a new call is noticed.
pub(crate) fn unknown(request: &Request) -> Reply {
    let message = format!("the stub does not play {}:{}", request.service, request.operation);
    match request.service.as_str() {
        "ec2" | "autoscaling" | "sns" => query_error("InvalidAction", &message),
        _ => Reply::error("UnknownOperationException", &message, json!({})),
    }
}
