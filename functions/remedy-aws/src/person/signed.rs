//! Calls to services of which a person needs one or two: Lambda, `CloudFormation`, IAM and
//! `CloudTrail`. Their SDKs would be minutes of every build; what they would do here is to sign one
//! request (docs/decisions/0032).

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_ec2::config::http::HttpRequest;
use aws_sdk_ec2::error::DisplayErrorContext;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_types::body::SdkBody;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use remedy::model::unknown::CallFailed;
use xmlparser::{Token, Tokenizer};

use super::Person;
use crate::bucket::domain;
use crate::clients::named;

/// A function may take a minute, and its answer comes after that.
const TIME: Duration = Duration::from_secs(75);

/// What a form leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What AWS says of a failure is cut to this many characters.
const WHY_CHARS_MAX: usize = 300;

/// A request before it is signed.
pub(super) struct Wanted<'a> {
    /// The call, as IAM names it.
    pub(super) call: &'static str,
    /// The service, as endpoints and signatures name it.
    pub(super) service: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'a str,
    pub(super) content_type: &'static str,
    /// The operation, where a header names it.
    pub(super) target: Option<&'static str>,
    pub(super) body: String,
}

/// What came back with a status of success.
pub(super) struct Answered {
    pub(super) body: String,
    /// The kind of error of a function that was invoked and failed.
    pub(super) function_error: Option<String>,
    /// What AWS's clock said.
    pub(super) date: Option<String>,
}

impl Person {
    /// A call of a service that speaks AWS's query protocol: the leaves of its answer, in
    /// their order, each with its name.
    pub(super) async fn query(
        &self,
        call: &'static str,
        service: &'static str,
        fields: &[(&str, &str)],
    ) -> Result<Vec<(String, String)>, CallFailed> {
        let pair =
            |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, PLAIN));
        let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
        let content_type = "application/x-www-form-urlencoded";
        let (method, path, target) = ("POST", "/", None);
        let wanted = Wanted { call, service, method, path, content_type, target, body };
        leaves(&self.send(wanted).await?.body)
            .map_err(|why| CallFailed { call, why: format!("the answer is no XML: {why}") })
    }

    /// Signs a request and sends it, once.
    pub(super) async fn send(&self, wanted: Wanted<'_>) -> Result<Answered, CallFailed> {
        let call = wanted.call;
        let failed = |why: String| CallFailed { call, why };
        let request = self.signed(wanted).await.map_err(failed)?;
        let sent = tokio::time::timeout(TIME, self.connector.call(request)).await;
        let answer = match sent {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(failed(DisplayErrorContext(error).to_string())),
            Err(_) => return Err(failed("no answer in time".to_owned())),
        };
        let header = |name| answer.headers().get(name).map(str::to_owned);
        let (error_type, function_error) =
            (header("x-amzn-errortype"), header("x-amz-function-error"));
        let (date, status) = (header("date"), answer.status());
        let body = tokio::time::timeout(TIME, read(answer.into_body())).await;
        let body = body.map_err(|_| failed("the answer does not end".to_owned()))?;
        let body = body.map_err(failed)?;
        if status.is_success() {
            return Ok(Answered { body, function_error, date });
        }
        let why = refusal(error_type.as_deref(), &body);
        let why = why.unwrap_or_else(|| format!("HTTP status {}", status.as_u16()));
        Err(failed(why.chars().take(WHY_CHARS_MAX).collect()))
    }

    async fn signed(&self, wanted: Wanted<'_>) -> Result<HttpRequest, String> {
        let Wanted { service, method, path, content_type, target, body, .. } = wanted;
        let (host, region) = place(service, self.region.as_ref());
        let endpoint = named("AWS_ENDPOINT_URL", service).unwrap_or(format!("https://{host}"));
        let url = format!("{}{path}", endpoint.trim_end_matches('/'));
        let provider = self.config.credentials_provider().ok_or("no credentials")?;
        let credentials = provider.provide_credentials().await.map_err(|no| no.to_string())?;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|no| no.to_string())?
            .into();
        let target = target.map(|target| ("x-amz-target", target));
        let headers = [("content-type", content_type)].into_iter().chain(target);
        let signable = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new(method, &url, headers.clone(), signable);
        let signed = sign(signable.map_err(|no| no.to_string())?, &parameters);
        let (instructions, _) = signed.map_err(|no| no.to_string())?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body.clone()));
        request.set_method(method).map_err(|no| no.to_string())?;
        request.set_uri(url).map_err(|no| no.to_string())?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        request.headers_mut().insert("content-length", body.len().to_string());
        for (name, value) in instructions.headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }
}

/// The host of a service for a region, and the region that its requests are signed for. IAM is
/// one for each partition (botocore, `data/endpoints.json`, `partitionEndpoint`).
fn place<'a>(service: &str, region: &'a str) -> (String, &'a str) {
    let domain = domain(region);
    match service {
        "iam" if region.starts_with("cn-") => (format!("iam.cn-north-1.{domain}"), "cn-north-1"),
        "iam" if region.starts_with("us-gov-") => (format!("iam.us-gov.{domain}"), "us-gov-west-1"),
        "iam" if domain == "amazonaws.com" => (format!("iam.{domain}"), "us-east-1"),
        _ => (format!("{service}.{region}.{domain}"), region),
    }
}

async fn read(body: SdkBody) -> Result<String, String> {
    use http_body_util::BodyExt as _;
    let bytes = body.collect().await.map_err(|no| no.to_string())?.to_bytes();
    String::from_utf8(bytes.to_vec()).map_err(|_| "the answer is no text".to_owned())
}

/// How AWS says no: a JSON service by a header, or by `__type`, and `message`; a query service by
/// `Code` and `Message`.
fn refusal(error_type: Option<&str>, body: &str) -> Option<String> {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(body) {
        let named = json.get("__type").and_then(serde_json::Value::as_str);
        let kind = error_type.or(named)?.split(':').next()?.rsplit('#').next()?;
        let message = json.get("message").or_else(|| json.get("Message"))?.as_str()?;
        return Some(format!("{kind}: {message}"));
    }
    let leaves = leaves(body).ok()?;
    let of = |wanted: &str| leaves.iter().find(|(name, _)| name == wanted);
    Some(format!("{}: {}", of("Code")?.1, of("Message")?.1))
}

/// The elements of an XML text that hold a text, in their order.
pub(super) fn leaves(xml: &str) -> Result<Vec<(String, String)>, String> {
    let (mut found, mut name) = (Vec::new(), String::new());
    for token in Tokenizer::from(xml) {
        match token.map_err(|error| error.to_string())? {
            Token::ElementStart { local, .. } => local.as_str().clone_into(&mut name),
            Token::Text { text } if !text.as_str().trim().is_empty() => {
                found.push((name.clone(), unescaped(text.as_str())));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The five entities that XML has.
fn unescaped(text: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'")];
    let text = entities.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_both_protocols() {
        let query = "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type>\
            <Code>ValidationError</Code><Message>Stack 'a&amp;b' does not exist</Message></Error>\
            <RequestId>1</RequestId></ErrorResponse>";
        let told = refusal(None, query);
        assert_eq!(told.as_deref(), Some("ValidationError: Stack 'a&b' does not exist"));
        let json = r#"{"Type":"User","Message":"Function not found"}"#;
        let told = refusal(Some("ResourceNotFoundException:http://x"), json);
        assert_eq!(told.as_deref(), Some("ResourceNotFoundException: Function not found"));
        let json = r#"{"__type":"com.amazonaws.cloudtrail#ThrottlingException","message":"no"}"#;
        assert_eq!(refusal(None, json).as_deref(), Some("ThrottlingException: no"));
        assert_eq!(refusal(None, "<html>"), None);
        assert_eq!(refusal(None, "{}"), None);
    }

    #[test]
    fn iam_is_one_for_each_partition() {
        for (service, region, host, signed_for) in [
            ("lambda", "eu-central-1", "lambda.eu-central-1.amazonaws.com", "eu-central-1"),
            ("iam", "eu-central-1", "iam.amazonaws.com", "us-east-1"),
            ("iam", "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("iam", "us-gov-east-1", "iam.us-gov.amazonaws.com", "us-gov-west-1"),
        ] {
            assert_eq!(place(service, region), (host.to_owned(), signed_for), "{service} {region}");
        }
    }

    #[test]
    fn the_leaves_of_an_answer_keep_their_order() {
        let xml = "<?xml version=\"1.0\"?><A><B>1</B>\n <C><B>2</B><D/></C></A>";
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(leaves(xml), Ok(vec![pair("B", "1"), pair("B", "2")]));
        assert!(leaves("<1>").is_err());
    }
}
