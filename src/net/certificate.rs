//! When a certificate ends, read from the certificate itself (RFC 5280 4.1.2.5).
//!
//! Only the validity is looked at; whether anybody trusts the certificate is another question.

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use yasna::{
    ASN1Error, ASN1ErrorKind, ASN1Result, BERReader,
    tags::{TAG_GENERALIZEDTIME, TAG_UTCTIME},
};

/// `notAfter` of the first certificate of a PEM file, which is the one that is shown; the rest of a chain stands behind
/// it. `None`: there is none, or it is damaged.
pub fn certificate_end(pem: &[u8]) -> Option<Timestamp> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let not_after = yasna::parse_der(&certificate, |certificate| {
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
