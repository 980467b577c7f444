//! A self-signed certificate, made once and kept, for listeners that are to speak TLS with none configured.
//!
//! It is made once because a client that has been told to trust it must go on seeing the same one.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};

use super::SetupFault;
use crate::{
    catalog::{doctor::CERTIFICATE_ENDED, own::STORE_UNAVAILABLE},
    store::private_file,
};

const YEARS: i16 = 10;

/// Where the certificate is kept, or will be.
pub fn self_signed_certificate(directory: &Path) -> PathBuf {
    directory.join("gatepost-selfsigned.pem")
}

/// Certificate and key files in `directory`; made if either is missing.
pub(super) fn ensure(directory: &Path, addresses: &[IpAddr]) -> Result<(PathBuf, PathBuf), SetupFault> {
    let certificate = self_signed_certificate(directory);
    let key = directory.join("gatepost-selfsigned.key");
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let (certificate_pem, key_pem) =
        make(addresses).map_err(|e| SetupFault::new(CERTIFICATE_ENDED, format!("self-signed certificate: {e}")))?;
    // The key goes first: a crash in between leaves no certificate, and both are made again.
    for (file, text) in [(&key, key_pem.as_str()), (&certificate, certificate_pem.as_str())] {
        private_file::replace(file, text.as_bytes()).map_err(|e| {
            SetupFault::new(
                STORE_UNAVAILABLE,
                format!("cannot keep the self-signed certificate in {}: {e}", file.display()),
            )
        })?;
    }
    tracing::info!(certificate = %certificate.display(), "a self-signed certificate was made; import it where clients warn");
    Ok((certificate, key))
}

fn make(addresses: &[IpAddr]) -> Result<(String, zeroize::Zeroizing<String>), rcgen::Error> {
    let host = host_name();
    let mut names = vec!["localhost".to_owned()];
    names.extend(host.clone().filter(|host| host != "localhost"));
    let mut params = CertificateParams::new(names)?;
    let mut literals = vec![IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    for address in addresses.iter().map(IpAddr::to_canonical).filter(|address| !address.is_unspecified()) {
        if !literals.contains(&address) {
            literals.push(address);
        }
    }
    params.subject_alt_names.extend(literals.into_iter().map(SanType::IpAddress));
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, host.unwrap_or_else(|| "localhost".into()));
    params.distinguished_name.push(DnType::OrganizationName, "Gatepost (self-signed)");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let today = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    // From the first of the month, so that a client whose clock is a little behind accepts it; 1 to 28 always exist.
    let day = |year: i16| rcgen::date_time_ymd(year.into(), today.month().unsigned_abs(), 1);
    params.not_before = day(today.year());
    params.not_after = day(today.year() + YEARS);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem().into()))
}

/// This machine's name where it can stand in a certificate.
#[cfg(unix)]
fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_ascii_lowercase();
    let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    fits.then_some(name)
}

#[cfg(not(unix))]
fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok().map(|name| name.to_ascii_lowercase())
}
