//! TLS: whom the sender trusts, who it says it is, and certificates that are exchanged while it runs.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use llm_audit::otlp::Destination;
use llm_audit::{Auditor, BuildError};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

use crate::server::Column;
use crate::{CALLS, Copies, Expected, Scene, calls};

const ONCE: Expected = Expected {
    copies: Copies::One,
    put_aside: None,
};

/// An authority, and files in which its certificates stand.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    files: TempDir,
}

/// Whether a certificate is valid today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Validity {
    Expired,
    Good,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, files }
    }

    fn file(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    fn issue(&self, name: &str, validity: Validity) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        if validity == Validity::Expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate, key)
    }

    /// What a server of this name shows; it wants a certificate of `clients` if there are any.
    fn server(&self, name: &str, validity: Validity, clients: Option<&Self>) -> ServerConfig {
        let (certificate, key) = self.issue(name, validity);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.issuer.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config
    }

    /// Writes a client's certificate and key, over what was there.
    fn client(&self, directory: &TempDir) -> [PathBuf; 2] {
        let (certificate, key) = self.issue("client", Validity::Good);
        let paths = ["client.pem", "key.pem"].map(|name| directory.path().join(name));
        fs::write(&paths[0], certificate.pem()).unwrap();
        fs::write(&paths[1], key.serialize_pem()).unwrap();
        paths
    }
}

/// A scene whose server is secured so; HTTP/1.1 is agreed upon where HTTP is spoken.
fn scene(column: Column, mut server: ServerConfig) -> Scene {
    let scene = Scene::new(column);
    if column == Column::Http {
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    scene.server.secure(server);
    scene
}

fn secret(scene: &Scene, host: &str) -> Destination {
    let endpoint = format!("https://{host}:{}", scene.server.port());
    // A handshake in a test build takes its time.
    scene
        .destination()
        .endpoint(&endpoint)
        .timeout(std::time::Duration::from_secs(5))
}

fn wait_until_failing(audit: &Auditor, words: &str) {
    loop {
        match audit.health().delivery_failure {
            Some(why) if why.contains(words) => return,
            Some(why) => assert!(why.contains("no connection"), "{why}"),
            None => std::thread::yield_now(),
        }
    }
}

const COLUMNS: [Column; 2] = [Column::Grpc, Column::Http];

#[test]
fn records_go_over_tls_to_a_receiver_of_a_trusted_authority() {
    for column in COLUMNS {
        let authority = Authority::new("ours");
        let scene = scene(column, authority.server("localhost", Validity::Good, None));
        let trusted = secret(&scene, "localhost").ca_certificates(authority.file());
        let audit = scene.auditor(trusted);
        let ids = calls(&audit, CALLS);
        scene.end(audit, &ids, &ONCE);
    }
}

#[test]
fn an_expired_certificate_is_named_and_a_good_one_in_its_place_is_taken_up() {
    for column in COLUMNS {
        let authority = Authority::new("ours");
        let scene = scene(
            column,
            authority.server("localhost", Validity::Expired, None),
        );
        let trusted = secret(&scene, "localhost").ca_certificates(authority.file());
        let audit = scene.auditor(trusted);
        let ids = calls(&audit, CALLS);
        wait_until_failing(&audit, "its certificate has expired");
        let mut good = authority.server("localhost", Validity::Good, None);
        if column == Column::Http {
            good.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        scene.server.secure(good);
        scene.end(audit, &ids, &ONCE);
    }
}

#[test]
fn an_authority_that_is_not_trusted_is_named_and_a_file_that_is_exchanged_is_taken_up() {
    for column in COLUMNS {
        let (authority, other) = (Authority::new("ours"), Authority::new("other"));
        let scene = scene(column, authority.server("localhost", Validity::Good, None));
        let audit = scene.auditor(secret(&scene, "localhost").ca_certificates(other.file()));
        let ids = calls(&audit, CALLS);
        wait_until_failing(&audit, "an authority that is not trusted");
        fs::copy(authority.file(), other.file()).unwrap();
        scene.end(audit, &ids, &ONCE);
    }
}

#[test]
fn a_certificate_for_another_name_is_named() {
    for column in COLUMNS {
        let authority = Authority::new("ours");
        let scene = scene(column, authority.server("elsewhere", Validity::Good, None));
        let trusted = secret(&scene, "localhost").ca_certificates(authority.file());
        let audit = scene.auditor(trusted);
        let ids = calls(&audit, CALLS);
        wait_until_failing(&audit, "its certificate is for another name");
        let mut good = authority.server("localhost", Validity::Good, None);
        if column == Column::Http {
            good.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        scene.server.secure(good);
        scene.end(audit, &ids, &ONCE);
    }
}

#[test]
fn a_client_certificate_that_is_exchanged_is_taken_up() {
    for column in COLUMNS {
        let (authority, clients, strangers) = (
            Authority::new("ours"),
            Authority::new("clients"),
            Authority::new("strangers"),
        );
        let server = authority.server("localhost", Validity::Good, Some(&clients));
        let scene = scene(column, server);
        let directory = tempfile::tempdir().unwrap();
        let [certificate, key] = strangers.client(&directory);
        let destination = secret(&scene, "localhost")
            .ca_certificates(authority.file())
            .client_certificate(&certificate, &key);
        let audit = scene.auditor(destination);
        let ids = calls(&audit, CALLS);
        wait_until_failing(&audit, "it does not take the client certificate");
        clients.client(&directory);
        scene.end(audit, &ids, &ONCE);
    }
}

#[test]
fn a_receiver_that_wants_a_client_certificate_is_understood() {
    let (authority, clients) = (Authority::new("ours"), Authority::new("clients"));
    let server = authority.server("localhost", Validity::Good, Some(&clients));
    let scene = scene(Column::Grpc, server);
    let audit = scene.auditor(secret(&scene, "localhost").ca_certificates(authority.file()));
    calls(&audit, CALLS);
    wait_until_failing(&audit, "it wants a client certificate");
}

#[test]
fn a_receiver_without_tls_is_understood() {
    let authority = Authority::new("ours");
    let scene = Scene::new(Column::Http);
    let audit = scene.auditor(secret(&scene, "localhost").ca_certificates(authority.file()));
    calls(&audit, CALLS);
    wait_until_failing(&audit, "what it speaks is not TLS");
}

#[test]
fn files_that_hold_no_certificate_are_named_when_the_auditor_is_built() {
    let authority = Authority::new("ours");
    let scene = Scene::new(Column::Grpc);
    let directory = tempfile::tempdir().unwrap();
    let [certificate, key] = authority.client(&directory);
    let empty = directory.path().join("empty.pem");
    fs::write(&empty, "nothing").unwrap();
    let absent = directory.path().join("absent.pem");
    let plain = || secret(&scene, "localhost").ca_certificates(authority.file());
    let table = [
        (plain().ca_certificates(&empty), &empty),
        (plain().ca_certificates(&absent), &absent),
        (plain().client_certificate(&empty, &key), &empty),
        (plain().client_certificate(&certificate, &absent), &absent),
    ];
    for (destination, path) in table {
        let built = Auditor::builder()
            .data_dir(scene.directory.path())
            .generate_keyring()
            .destination(destination)
            .build();
        let Err(BuildError::Setting { fault, .. }) = built else {
            panic!("{} was taken", path.display())
        };
        assert!(fault.contains(path.to_str().unwrap()), "{fault}");
    }
}
