//! The families, one value each. Names of menus and fields are the vendors' own; `seen` says where they were found.

use super::{
    Device,
    Entry::{Authentication, Encryption, Fixed, Password, Port, Sender as From, Server, User},
    Place, Retries,
    Sender::{Force, Keep},
    Words,
};

const FORCED: Words = Words {
    en: "From is often the person at the panel, whom Exchange refuses as a sender: sender = \"force\" puts the account \
         there and the person into Reply-To.",
    ja: "差出人が操作した人のアドレスになることが多く、Exchange に拒否されます。sender = \"force\" は差出人をアカウントにし、\
         元の差出人を Reply-To に移します。",
};
const SPLITS: Words = Words {
    en: "A scan that is split over several messages arrives in pieces: leave splitting off. Exchange takes 150 MB at most, \
         often 35.",
    ja: "分割送信は無効にしてください。Exchange が受け取るのは最大 150 MB、多くの設定では 35 MB です。",
};
const CERTIFICATE: Words = Words {
    en: "If it checks certificates, import Gatepost's into it, or switch that check off.",
    ja: "証明書を検証する場合は Gatepost の証明書を登録するか、検証を無効にしてください。",
};
const BURSTS: Words = Words {
    en: "Exchange takes 30 messages a minute from one mailbox: the queue takes a burst at once and sends it at that pace.",
    ja: "Exchange が1つのメールボックスから受け取るのは毎分30通です。キューが一度に受け取り、その速さで送ります。",
};
const SENDERS: Words = Words {
    en: "It sends as root@HOST and the like, which Exchange refuses: sender = \"force\". Where it sends as mailboxes that \
         the account may send as, list them in send-as and write sender = \"keep\".",
    ja: "root@ホスト名 などの差出人は Exchange に拒否されるため sender = \"force\" にします。アカウントの send-as にある\
         アドレスで送る場合は sender = \"keep\" にしてください。",
};

/// In the order of a list.
pub const DEVICES: &[Device] =
    &[HP, RICOH, CANON, KONICA_MINOLTA, XEROX, BROTHER, EPSON, SYNOLOGY, QNAP, BOM, ZABBIX, VEEAM, POSTFIX, EXIM];

const HP: Device = Device {
    name: "hp",
    also: &["laserjet", "officejet", "hewlett-packard"],
    title: Words { en: "HP printers and scanners", ja: "HP プリンター・複合機" },
    guide: "hp",
    menu: "Embedded Web Server > Scan (or Scan/Digital Send) > Scan to Email Setup > Outgoing E-mail Profiles",
    fields: &[
        ("E-mail Address", From),
        ("SMTP Server", Server),
        ("SMTP Port", Port),
        ("Always use secure connection (SSL/TLS)", Encryption("on", "off")),
        ("SMTP server requires authentication", Authentication("on", "off")),
        ("SMTP User ID", User),
        ("SMTP Password", Password),
    ],
    seen: None,
    place: Place::OldTls,
    logs_in: false,
    sender: Force,
    retries: Retries::Never,
    notes: &[
        FORCED,
        Words {
            en: "Some older models begin with TLS although it is switched off: the log of Gatepost then says so.",
            ja: "TLS を無効にしても TLS で接続する古い機種があります。その場合は Gatepost のログに出ます。",
        },
    ],
};

const RICOH: Device = Device {
    name: "ricoh",
    also: &["lanier", "savin", "nashuatec", "gestetner"],
    title: Words { en: "Ricoh copiers", ja: "リコー複合機" },
    guide: "ricoh",
    menu: "Web Image Monitor > Device Management > Configuration > Device Settings > Email",
    fields: &[
        ("Administrator Email Address", From),
        ("SMTP Server Name", Server),
        ("SMTP Port No.", Port),
        ("Use Secure Connection (SSL)", Encryption("On", "Off")),
        ("SMTP Authentication", Authentication("On", "Off")),
        ("SMTP Auth. Email Address", From),
        ("SMTP Auth. User Name", User),
        ("SMTP Auth. Password", Password),
        ("SMTP Auth. Encryption", Fixed("Off")),
        ("POP before SMTP", Fixed("Off")),
    ],
    seen: None,
    place: Place::OldTls,
    logs_in: false,
    sender: Force,
    retries: Retries::Never,
    notes: &[
        FORCED,
        Words {
            en: "SMTP Auth. Encryption means CRAM-MD5 or DIGEST-MD5, which Gatepost does not offer: it only has hashes.",
            ja: "SMTP 認証の暗号化は CRAM-MD5 や DIGEST-MD5 のことで、Gatepost では使えません。",
        },
    ],
};

const CANON: Device = Device {
    name: "canon",
    also: &["imagerunner", "imageclass", "i-sensys", "satera"],
    title: Words { en: "Canon copiers", ja: "キヤノン複合機" },
    guide: "canon",
    menu: "Remote UI > Settings/Registration > Send > E-Mail/I-Fax Settings > Communication Settings; Authent./Encryption",
    fields: &[
        ("SMTP Server", Server),
        ("E-Mail Address", From),
        ("Specify Port Number for SMTP TX", Port),
        ("Allow TLS (SMTP TX)", Encryption("on", "off")),
        ("Use SMTP Authentication (SMTP AUTH)", Authentication("on", "off")),
        ("User Name", User),
        ("Password", Password),
        ("Use POP Authentication Before Sending", Fixed("off")),
    ],
    seen: Some("service manual DU7-1178 (E-Mail/I-Fax, Authent./Encryption)"),
    place: Place::OldTls,
    logs_in: false,
    sender: Force,
    retries: Retries::Never,
    notes: &[FORCED, SPLITS],
};

const KONICA_MINOLTA: Device = Device {
    name: "konica-minolta",
    also: &["konica", "minolta", "bizhub"],
    title: Words { en: "Konica Minolta copiers", ja: "コニカミノルタ複合機" },
    guide: "konica-minolta",
    menu: "Administrator > Network > E-mail Setting > E-mail TX (SMTP)",
    fields: &[
        ("E-mail TX Setting", Fixed("On")),
        ("SMTP Server Address", Server),
        ("Use SSL/TLS", Encryption("Start TLS", "Off")),
        ("Port Number", Port),
        ("SMTP Authentication", Authentication("On", "Off")),
        ("User ID", User),
        ("Password", Password),
        ("Administrator's E-mail Address", From),
    ],
    seen: Some("bizhub C4000i (Japanese manual)"),
    place: Place::OldTls,
    logs_in: false,
    sender: Force,
    retries: Retries::Never,
    notes: &[
        FORCED,
        Words {
            en: "Certificate Verification Level is at the same place: leave it off, or import Gatepost's certificate.",
            ja: "証明書検証強度設定も同じ画面にあります。無効にするか、Gatepost の証明書を登録してください。",
        },
    ],
};

const XEROX: Device = Device {
    name: "xerox",
    also: &["fuji-xerox", "fujifilm", "workcentre", "versalink", "altalink"],
    title: Words {
        en: "Xerox and Fuji Xerox copiers", ja: "富士フイルム（富士ゼロックス）・Xerox 複合機"
    },
    guide: "xerox",
    menu: "CentreWare IS > Properties > Connectivity > Protocols (or Setup) > SMTP (Email)",
    fields: &[
        ("Specify SMTP Server manually: Address: Port", Server),
        ("Port", Port),
        ("Email Address", From),
        ("Connection Encryption", Encryption("STARTTLS", "No Encryption")),
        ("Send Authentication", Authentication("SMTP AUTH", "No Authentication")),
        ("Login Name", User),
        ("Password", Password),
    ],
    seen: Some("WorkCentre 7755, 6015 and 6505"),
    place: Place::OldTls,
    logs_in: false,
    sender: Force,
    retries: Retries::Never,
    notes: &[
        FORCED,
        SPLITS,
        Words {
            en: "The WorkCentre 6015 takes 63 characters of Login Name and 31 of Password.",
            ja: "WorkCentre 6015 のログイン名は63文字、パスワードは31文字までです。",
        },
    ],
};

const BROTHER: Device = Device {
    name: "brother",
    also: &["mfc", "dcp"],
    title: Words { en: "Brother printers and scanners", ja: "ブラザー複合機" },
    guide: "brother",
    menu: "Web Based Management > Network > Protocol > SMTP > Advanced Settings",
    fields: &[
        ("SMTP Server Address", Server),
        ("SMTP Port", Port),
        ("Server Authentication Method", Authentication("SMTP-AUTH", "None")),
        ("SMTP-AUTH Account Name", User),
        ("SMTP-AUTH Account Password", Password),
        ("SSL/TLS", Encryption("TLS", "None")),
        ("Verify Server Certificate", Fixed("off")),
        ("Device E-mail Address", From),
    ],
    seen: None,
    place: Place::OldTls,
    logs_in: false,
    sender: Keep,
    retries: Retries::Never,
    notes: &[Words {
        en: "POP before SMTP, as older models offer it, does not exist here: take SMTP-AUTH or none.",
        ja: "古い機種にある POP before SMTP は使えません。SMTP-AUTH か「なし」を選んでください。",
    }],
};

const EPSON: Device = Device {
    name: "epson",
    also: &["workforce", "ecotank"],
    title: Words { en: "Epson printers and scanners", ja: "エプソン複合機" },
    guide: "epson",
    menu: "Web Config > Network > Email Server > Basic",
    fields: &[
        ("Authentication Method", Authentication("SMTP AUTH", "Off")),
        ("Authenticated Account", User),
        ("Authenticated Password", Password),
        ("Sender's Email Address", From),
        ("SMTP Server Address", Server),
        ("SMTP Server Port Number", Port),
        ("Secure Connection", Encryption("STARTTLS", "None")),
        ("Certificate Validation", Fixed("off")),
    ],
    seen: Some("EM-C800, WF-C21000, PX-M382F, WF-3720"),
    place: Place::OldTls,
    logs_in: false,
    sender: Keep,
    retries: Retries::Never,
    notes: &[Words {
        en: "Authenticated Password takes 20 characters at most; those that Gatepost makes have 19.",
        ja: "認証用パスワードは20文字までです。Gatepost が作るパスワードは19文字です。",
    }],
};

const SYNOLOGY: Device = Device {
    name: "synology",
    also: &["dsm", "diskstation", "nas"],
    title: Words { en: "Synology NAS", ja: "Synology NAS" },
    guide: "nas",
    menu: "Control Panel > Notification > Email",
    fields: &[
        ("Service provider", Fixed("Custom SMTP server")),
        ("SMTP server", Server),
        ("SMTP port", Port),
        ("Secure connection (SSL/TLS) is required", Encryption("on", "off")),
        ("Authentication required", Authentication("on", "off")),
        ("Username", User),
        ("Password", Password),
        ("Sender email", From),
    ],
    seen: None,
    place: Place::EitherTls,
    logs_in: true,
    sender: Keep,
    retries: Retries::Never,
    notes: &[CERTIFICATE],
};

const QNAP: Device = Device {
    name: "qnap",
    also: &["qts", "quts"],
    title: Words { en: "QNAP NAS", ja: "QNAP NAS" },
    guide: "nas",
    menu: "Control Panel > Notification Center > Service Account and Device Pairing > Email > Add SMTP Service",
    fields: &[
        ("Select an email account", Fixed("Custom")),
        ("SMTP server", Server),
        ("Port number", Port),
        ("Email", From),
        ("Username", User),
        ("Password", Password),
        ("Secure connection", Encryption("TLS", "None")),
    ],
    seen: Some("QTS 4.5 (the menu)"),
    place: Place::EitherTls,
    logs_in: true,
    sender: Keep,
    retries: Retries::Never,
    notes: &[CERTIFICATE],
};

const BOM: Device = Device {
    name: "bom",
    also: &["bom-for-windows"],
    title: Words { en: "BOM for Windows", ja: "BOM for Windows" },
    guide: "bom",
    menu: "メール送信の設定 (mail settings)",
    fields: &[
        ("SMTP サーバー (server)", Server),
        ("ポート番号 (port)", Port),
        ("暗号化 (encryption)", Encryption("STARTTLS", "なし (none)")),
        ("認証 (authentication)", Authentication("SMTP 認証 (SMTP AUTH)", "なし (none)")),
        ("ユーザー名 (user)", User),
        ("パスワード (password)", Password),
        ("送信元 (sender)", From),
    ],
    seen: None,
    place: Place::NewTls,
    logs_in: true,
    sender: Keep,
    retries: Retries::Never,
    notes: &[
        BURSTS,
        Words {
            en: "ISO-2022-JP and Shift_JIS pass unchanged; a missing Message-ID is added.",
            ja: "ISO-2022-JP や Shift_JIS はそのまま通ります。Message-ID がなければ補います。",
        },
    ],
};

const ZABBIX: Device = Device {
    name: "zabbix",
    also: &[],
    title: Words { en: "Zabbix", ja: "Zabbix" },
    guide: "zabbix",
    menu: "Alerts (before 6.4: Administration) > Media types > Email",
    fields: &[
        ("SMTP server", Server),
        ("SMTP server port", Port),
        ("SMTP helo", Fixed("the name of the Zabbix server")),
        ("SMTP email", From),
        ("Connection security", Encryption("STARTTLS", "None")),
        ("SSL verify peer, SSL verify host", Fixed("off, or on with Gatepost's certificate trusted there")),
        ("Authentication", Authentication("Username and password", "None")),
        ("Username", User),
        ("Password", Password),
    ],
    seen: Some("Zabbix 6.0 to 7.0"),
    place: Place::NewTls,
    logs_in: true,
    sender: Keep,
    retries: Retries::Never,
    notes: &[
        BURSTS,
        Words {
            en: "A display name in SMTP email needs angle brackets: Zabbix <alerts@contoso.com>.",
            ja: "SMTP email に表示名を付ける場合は Zabbix <alerts@contoso.com> のように山括弧で囲みます。",
        },
    ],
};

const VEEAM: Device = Device {
    name: "veeam",
    also: &["vbr"],
    title: Words { en: "Veeam Backup & Replication", ja: "Veeam Backup & Replication" },
    guide: "veeam",
    menu: "main menu > Options > E-mail Settings",
    fields: &[
        ("Mail server", Fixed("SMTP server (basic authentication)")),
        ("SMTP server", Server),
        ("Advanced > Port", Port),
        ("Advanced > Connect using SSL", Encryption("on", "off")),
        ("Advanced > This SMTP server requires authentication", Authentication("on", "off")),
        ("Log on as: user", User),
        ("Log on as: password", Password),
        ("From", From),
    ],
    seen: Some("Veeam 12 and 13 (the kind of mail server)"),
    place: Place::EitherTls,
    logs_in: true,
    sender: Keep,
    retries: Retries::Never,
    notes: &[CERTIFICATE],
};

const POSTFIX: Device = Device {
    name: "postfix",
    also: &[],
    title: Words { en: "Postfix behind Gatepost, on the same machine", ja: "同じマシンの Postfix" },
    guide: "postfix",
    menu: "/etc/postfix/main.cf, /etc/postfix/sasl_passwd",
    fields: &[
        ("relayhost", Fixed("[127.0.0.1]:1587")),
        ("smtp_tls_security_level", Encryption("encrypt", "may")),
        ("smtp_sasl_auth_enable", Authentication("yes", "no")),
        ("smtp_sasl_password_maps", Authentication("texthash:/etc/postfix/sasl_passwd", "(not set)")),
        ("sasl_passwd: user", User),
        ("sasl_passwd: password", Password),
    ],
    seen: Some("Postfix 3.7"),
    place: Place::ThisMachine,
    logs_in: true,
    sender: Force,
    retries: Retries::Itself,
    notes: &[SENDERS],
};

const EXIM: Device = Device {
    name: "exim",
    also: &["exim4"],
    title: Words { en: "Exim behind Gatepost, on the same machine", ja: "同じマシンの Exim" },
    guide: "exim",
    menu: "/etc/exim4/exim4.conf",
    fields: &[
        ("route_list", Fixed("* 127.0.0.1::1587 byname")),
        ("hosts_require_auth", Authentication("127.0.0.1", "(not set)")),
        ("client_send: user", User),
        ("client_send: password", Password),
    ],
    seen: Some("Exim 4.96"),
    place: Place::ThisMachine,
    logs_in: true,
    sender: Force,
    retries: Retries::Itself,
    notes: &[SENDERS],
};
