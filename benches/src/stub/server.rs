//! The listening side: plain, or behind TLS with certificates made for the run.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Region;
use super::wire::Request;
use crate::Error;

/// Where a stub listens.
#[derive(Clone, Debug)]
pub struct Address(pub String);

/// A certificate authority for one run: a root, an intermediate and a leaf,
/// as AWS's endpoints have, all ECDSA P-256. AWS's leaves are RSA-2048, whose
/// signatures cost a client less.
pub struct Authority {
    /// The root certificate.
    pub root: String,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// Makes the certificates, for `localhost`.
    pub fn new() -> Result<Self, Error> {
        let ca = |name: &str| -> Result<CertificateParams, Error> {
            let mut params = CertificateParams::new(Vec::new())?;
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            Ok(params)
        };
        let root = CertifiedIssuer::self_signed(ca("bench root")?, KeyPair::generate()?)?;
        let between = CertifiedIssuer::signed_by(ca("bench issuer")?, KeyPair::generate()?, &root)?;
        let key = KeyPair::generate()?;
        let leaf =
            CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &between)?;
        let chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone(), between.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der())?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
        Ok(Self { root: root.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Writes what a function in the commercial regions believes, and this
    /// root, as one file.
    pub fn write_roots(&self, amazon: &Path, to: &Path) -> Result<(), Error> {
        let all = format!("{}\n{}", std::fs::read_to_string(amazon)?, self.root);
        Ok(std::fs::write(to, all)?)
    }
}

/// Serves `region` on a free port of this machine until the runtime ends.
pub async fn serve(region: Arc<Region>, tls: Option<&Authority>) -> Result<Address, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let acceptor = tls.map(|tls| tls.acceptor.clone());
    let scheme = if acceptor.is_some() { "https" } else { "http" };
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (region, acceptor) = (Arc::clone(&region), acceptor.clone());
            tokio::spawn(async move {
                let _nagle = connection.set_nodelay(true);
                match acceptor {
                    None => converse(connection, region).await,
                    Some(acceptor) => {
                        // A client that does not believe us has its reasons.
                        if let Ok(connection) = acceptor.accept(connection).await {
                            converse(connection, region).await;
                        }
                    }
                }
            });
        }
    });
    Ok(Address(format!("{scheme}://localhost:{port}")))
}

async fn converse<T>(connection: T, region: Arc<Region>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let region = Arc::clone(&region);
        async move { Ok::<_, Infallible>(answer(&region, request).await) }
    });
    // It ends when the function does.
    let _ended = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(connection), service)
        .await;
}

async fn answer(region: &Region, request: HttpRequest<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let Some(request) = Request::read(&parts, body) else {
        let mut nothing = Response::new(Full::from("nothing here"));
        *nothing.status_mut() = StatusCode::NOT_FOUND;
        return nothing;
    };
    let reply = region.answer(&request).await;
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    if let Ok(kind) = reply.kind.parse() {
        response.headers_mut().insert("content-type", kind);
    }
    response
}
