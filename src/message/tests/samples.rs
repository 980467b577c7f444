//! Header blocks that need no repair: as mail programs, servers and signers make them.

pub(super) const COMPLETE: [&str; 8] = [
    // Signed with DKIM by a server behind us; the signature covers Date, From, Subject, To and Message-ID.
    "DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=fabrikam.example; s=mail;\n\
     \tt=1795842000; h=Date:From:Subject:To:Message-ID; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n\
     \tb=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB4nujc7YopdG5dWLSdNg6x\n\
     \t NAZpOPr+kHxt1IrE+NahM6L/LbvaHutKVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrI\n\
     Received: by mail.fabrikam.example (Postfix, from userid 0) id 4A5B6; Sat, 28 Nov 2026 05:00:00 +0000 (UTC)\n\
     Date: Sat, 28 Nov 2026 05:00:00 +0000\nFrom: =?UTF-8?Q?B=C3=BCro_Nord?= <buero@fabrikam.example>\n\
     Subject: [alert]  two  spaces\tand a tab \nTo: \"Admins, all\" <admins@fabrikam.example>,\n root@fabrikam.example\n\
     Message-ID: <20261128050000.4A5B6@mail.fabrikam.example>\n",
    // S/MIME, as OpenSSL writes it below a mail program's own fields.
    "From: Ann Lee <ann@contoso.example>\nTo: bob@contoso.example\nSubject: signed\n\
     Date: Sat, 28 Nov 2026 06:00:00 +0100\nMessage-ID: <5f2c@client.contoso.example>\nMIME-Version: 1.0\n\
     Content-Type: multipart/signed; protocol=\"application/x-pkcs7-signature\"; micalg=\"sha-256\"; \
     boundary=\"----9C1B2F\"\n",
    // PGP/MIME.
    "MIME-Version: 1.0\nContent-Language: en-US\nTo: bob@contoso.example\nFrom: Ann <ann@contoso.example>\n\
     Subject: signed\nContent-Type: multipart/signed; micalg=pgp-sha256;\n protocol=\"application/pgp-signature\";\n \
     boundary=\"------------uYk\"\nMessage-ID: <b3e1@contoso.example>\nDate: Sat, 28 Nov 2026 05:00:00 +0000\n",
    // A scanner with everything in its place, and without a charset.
    "Date: Sat, 28 Nov 2026 14:00:00 +0900\nFrom: scanner@contoso.example\nTo: ann@contoso.example\n\
     Subject: =?iso-2022-jp?B?GyRCJTklLSVjJXMbKEI=?=\nMessage-Id: <001@printer>\nMime-Version: 1.0\n\
     Content-Type: multipart/mixed; boundary=\"a\"\nX-Priority: 3 (Normal)\n",
    // Groups, comments, quoted pairs, a route, resent fields, names of one letter.
    "resent-from: x@y.example\nX: y\nfrom: \"Ann \\\"A@\\\" Lee\" <ann@contoso.example> (at (her) desk)\n\
     sender: <@relay.example:ann@contoso.example>\nto: team: a@b.example, \"c@d\" <e@f.example>;\nCC: undisclosed-recipients:;\n\
     date: Sat, 28 Nov 2026 05:00:00 +0000\nmessage-id: <a@b>\n",
    // Many authors, with the one who sent it.
    "From: a@contoso.example,\n\tb@contoso.example\nSender: a@contoso.example\nDate: x\nMessage-ID: y\n",
    // 8-bit header text, odd spacing, an empty field that may be empty.
    "From : B\u{fc}ro <a@contoso.example>\nSubject:\nDate:Sat, 28 Nov 2026 05:00:00 +0000\nMessage-ID:<x@y>\nBcc:\n",
    // A long References, folded as it should be.
    "From: a@contoso.example\nReferences: <1@a.example>\n <2@a.example>\n\t<3@a.example>\nDate: x\nMessage-ID: <4@a>\n",
];
