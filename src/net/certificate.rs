//! When a certificate ends and who issued it, read from the certificate itself (RFC 5280 4.1.2).
//!
//! Whether anybody trusts the certificate is another question.

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use yasna::{
    ASN1Error, ASN1ErrorKind, ASN1Result, BERReader,
    tags::{TAG_GENERALIZEDTIME, TAG_UTCTIME},
};

use crate::base::printable;

/// `notAfter` of the first certificate of a PEM file, which is the one that is shown; the rest of a chain stands behind
/// it. `None`: there is none, or it is damaged.
pub fn certificate_end(pem: &[u8]) -> Option<Timestamp> {
    end_of(&CertificateDer::from_pem_slice(pem).ok()?)
}

/// The same of a certificate in DER.
pub(super) fn end_of(certificate: &[u8]) -> Option<Timestamp> {
    let not_after = yasna::parse_der(certificate, |certificate| {
        certificate.read_sequence(|parts| {
            let not_after = parts.next().read_sequence(|fields| {
                // `version` carries a tag of its own and may be missing; then come serial, algorithm and issuer.
                fields.read_optional(|version| {
                    version.read_tagged(yasna::Tag::context(0), |version| version.read_i64())
                })?;
                for _ in 0..3 {
                    fields.next().read_der()?;
                }
                let not_after = fields.next().read_sequence(|validity| {
                    time(validity.next())?;
                    time(validity.next())
                })?;
                while fields.read_optional(|rest| rest.read_der())?.is_some() {}
                Ok(not_after)
            })?;
            for _ in 0..2 {
                parts.next().read_der()?;
            }
            Ok(not_after)
        })
    });
    Timestamp::from_second(not_after.ok()?).ok()
}

/// Whose a certificate is, and who says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateNames {
    pub subject: String,
    /// Common name, and organization where there is one.
    pub issuer: String,
    pub issuer_organization: Option<String>,
}

/// Names of a certificate in DER. `None`: it is damaged.
pub fn certificate_names(der: &[u8]) -> Option<CertificateNames> {
    let names = yasna::parse_der(der, |certificate| {
        certificate.read_sequence(|parts| {
            let names = parts.next().read_sequence(|fields| {
                fields.read_optional(|version| {
                    version.read_tagged(yasna::Tag::context(0), |version| version.read_i64())
                })?;
                for _ in 0..2 {
                    fields.next().read_der()?;
                }
                let issuer = name(fields.next())?;
                fields.next().read_der()?;
                let subject = name(fields.next())?;
                while fields.read_optional(|rest| rest.read_der())?.is_some() {}
                Ok((issuer, subject))
            })?;
            for _ in 0..2 {
                parts.next().read_der()?;
            }
            Ok(names)
        })
    });
    let (issuer, subject) = names.ok()?;
    Some(CertificateNames {
        subject: subject.common.or(subject.organization).unwrap_or_default(),
        issuer: match (issuer.common, &issuer.organization) {
            (Some(common), Some(organization)) => format!("{common} ({organization})"),
            (Some(one), None) => one,
            (None, one) => one.clone().unwrap_or_default(),
        },
        issuer_organization: issuer.organization,
    })
}

/// Of a distinguished name what people read.
#[derive(Default)]
struct Name {
    common: Option<String>,
    organization: Option<String>,
}

fn name(reader: BERReader<'_, '_>) -> ASN1Result<Name> {
    const COMMON: &[u64] = &[2, 5, 4, 3];
    const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
    let mut found = Name::default();
    reader.read_sequence_of(|set| {
        set.read_set_of(|attribute| {
            attribute.read_sequence(|parts| {
                let oid = parts.next().read_oid()?;
                let value = parts.next().read_tagged_der()?;
                let text = || Some(printable(&String::from_utf8_lossy(value.value()), 120));
                match oid.components().as_slice() {
                    COMMON => found.common = text(),
                    ORGANIZATION => found.organization = text(),
                    _ => {}
                }
                Ok(())
            })
        })
    })?;
    Ok(found)
}

/// Seconds since 1970.
fn time(reader: BERReader<'_, '_>) -> ASN1Result<i64> {
    match reader.lookahead_tag()? {
        TAG_UTCTIME => reader.read_utctime().map(|time| time.datetime().unix_timestamp()),
        TAG_GENERALIZEDTIME => reader.read_generalized_time().map(|time| time.datetime().unix_timestamp()),
        _ => Err(ASN1Error::new(ASN1ErrorKind::Invalid)),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn ending(year: i32) -> String {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(year, 5, 6));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn the_end_is_read_from_the_certificate_in_both_forms_of_time() {
        // From 2050 on times have four digits for the year.
        for year in [2021, 2049, 2050, 2151] {
            let end = certificate_end(ending(year).as_bytes()).unwrap().to_string();
            assert_eq!(end, format!("{year}-05-06T00:00:00Z"));
        }
    }

    #[test]
    fn who_issued_a_certificate_is_read_and_damage_stops_nothing() {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "Proxy CA\u{7}");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Inspection Ltd");
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let names = certificate_names(&der).unwrap();
        assert_eq!(names.issuer, "Proxy CA\\u{7} (Inspection Ltd)");
        assert_eq!(names.issuer_organization.as_deref(), Some("Inspection Ltd"));
        for at in 0..der.len() {
            let mut damaged = der.clone();
            damaged[at] ^= 0x41;
            damaged.truncate(der.len() - at / 3);
            let _ = certificate_names(&damaged);
        }
    }

    #[test]
    fn of_a_chain_the_first_counts() {
        let chain = ending(2031) + &ending(2021);
        assert!(certificate_end(chain.as_bytes()).unwrap().to_string().starts_with("2031-"));
    }

    #[test]
    fn what_is_no_certificate_has_no_end_and_stops_nothing() {
        let pem = ending(2031);
        for cut in 0..pem.len() {
            let _ = certificate_end(&pem.as_bytes()[..cut]);
        }
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        for at in 0..der.len() {
            let mut damaged = der.to_vec();
            damaged[at] ^= 0x41;
            damaged.truncate(der.len() - at / 3);
            let _ = certificate_end(pem::encode(&damaged).as_bytes());
        }
        assert_eq!(certificate_end(b"hello"), None);
    }

    mod pem {
        use base64::{Engine, engine::general_purpose::STANDARD};

        pub fn encode(der: &[u8]) -> String {
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
        }
    }
}
