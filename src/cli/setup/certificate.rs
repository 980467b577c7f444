//! A key and a certificate that prove the app: made here, so that the key never leaves this machine.
//!
//! RSA, since Entra ID takes no other keys for client assertions. A pair that a run before left is taken again: its
//! certificate may have been uploaded already.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use zeroize::Zeroizing;

use super::{place::Place, words::Trouble};
use crate::store::private_file;

/// The end is told in advance, as that of every certificate.
const YEARS: i16 = 2;

/// Certificate and key, PEM, beside the configuration.
pub fn make(place: &Place, app: &str) -> Result<(PathBuf, PathBuf), Trouble> {
    let folder = place.folder();
    let (certificate, key) = (folder.join(format!("{app}-app.pem")), folder.join(format!("{app}-app.key")));
    match (certificate.exists(), key.exists()) {
        (true, true) => return Ok((certificate, key)),
        (false, false) => {}
        // One of the two is of use to somebody, or was: it is not written over.
        (is_there, _) => {
            let (there, missing) = if is_there { (&certificate, &key) } else { (&key, &certificate) };
            let shown = |file: &Path| file.display().to_string();
            return Err(Trouble::HalfAPair { there: shown(there), missing: shown(missing) });
        }
    }
    let unmade = |why: String| Trouble::Unwritable { file: certificate.display().to_string(), why };
    let (certificate_pem, key_pem) = pair().map_err(|e| unmade(e.to_string()))?;
    place.make_folder().map_err(|e| unmade(e.to_string()))?;
    for (file, text) in [(&key, key_pem.as_bytes()), (&certificate, certificate_pem.as_bytes())] {
        private_file::create_whole(file, text, "new")
            .map_err(|e| Trouble::Unwritable { file: file.display().to_string(), why: e.to_string() })?;
    }
    Ok((certificate, key))
}

fn pair() -> Result<(String, Zeroizing<String>), rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, "Gatepost");
    let today = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    // From the first of the month, as a clock may be behind; 1 to 28 always exist.
    let day = |year: i16| rcgen::date_time_ymd(year.into(), today.month().unsigned_abs(), 1);
    params.not_before = day(today.year());
    params.not_after = day(today.year() + YEARS);
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_pair_is_never_written_over() {
        for name in ["contoso-app.pem", "contoso-app.key"] {
            let dir = tempfile::tempdir().unwrap();
            let there = dir.path().join(name);
            std::fs::write(&there, "mine").unwrap();
            let place = Place::find(Some(&dir.path().join("gatepost.toml")), None).unwrap();
            assert!(matches!(make(&place, "contoso"), Err(Trouble::HalfAPair { .. })), "{name}");
            assert_eq!(std::fs::read_to_string(&there).unwrap(), "mine");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
