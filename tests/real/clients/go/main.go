// Go: net/smtp as Grafana and Alertmanager use it, and the go-smtp and go-imap of aerc and many others.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	netsmtp "net/smtp"
	"os"
	"strings"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/client"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

var (
	host, mode, login = os.Getenv("HOST"), os.Getenv("TLS"), os.Getenv("LOGIN")
	address           = host + ":" + os.Getenv("PORT")
	user, password    = os.Getenv("MAIL_USER"), os.Getenv("MAIL_PASSWORD")
	marker, trash     = os.Getenv("MARKER"), os.Getenv("TRASH")
	replies           = bufio.NewReader(os.Stdin)
)

func did(words ...any) {
	fmt.Println(append([]any{"did"}, words...)...)
	replies.ReadString('\n')
}

func sure[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(sure(os.ReadFile(os.Getenv("CA"))))
	return &tls.Config{RootCAs: pool, ServerName: host}
}

func main() {
	switch strings.Join(os.Args[1:], " ") {
	case "net smtp":
		send()
	case "emersion smtp":
		sendEmersion()
	case "emersion imap":
		read()
	}
}

// localhost makes net/smtp send a password where there is no TLS: it does so to this machine alone, and looks at the name.
type localhost struct{ netsmtp.Auth }

func (auth localhost) Start(server *netsmtp.ServerInfo) (string, []byte, error) {
	server.TLS = true
	return auth.Auth.Start(server)
}

func send() {
	connection := sure(netsmtp.Dial(address))
	if mode == "starttls" {
		check(connection.StartTLS(trust()))
	}
	var auth netsmtp.Auth = netsmtp.PlainAuth("", user, password, host)
	if mode == "off" {
		auth = localhost{auth}
	}
	check(connection.Auth(auth))
	check(connection.Mail(user))
	deliver(connection)
}

// session is what both have in common behind MAIL.
type session interface {
	Rcpt(string) error
	Data() (io.WriteCloser, error)
	Quit() error
}

func deliver(connection session) {
	check(connection.Rcpt(user))
	body := sure(connection.Data())
	sure(body.Write(sure(os.ReadFile("message"))))
	check(body.Close())
	check(connection.Quit())
	did("send")
}

func sendEmersion() {
	connection := sure(smtp.Dial(address))
	auth := sasl.NewPlainClient("", user, password)
	if login == "login" {
		auth = sasl.NewLoginClient(user, password)
	}
	check(connection.Auth(auth))
	check(connection.Mail(user, nil))
	deliver(connection)
}

func read() {
	var imapClient *client.Client
	if mode == "implicit" {
		imapClient = sure(client.DialTLS(address, trust()))
	} else {
		imapClient = sure(client.Dial(address))
	}
	if mode == "starttls" {
		check(imapClient.StartTLS(trust()))
	}
	if login == "user" {
		check(imapClient.Login(user, password))
	} else {
		check(imapClient.Authenticate(sasl.NewPlainClient("", user, password)))
	}
	mailboxes := make(chan *imap.MailboxInfo, 100)
	check(imapClient.List("", "*", mailboxes))
	var names []string
	for mailbox := range mailboxes {
		names = append(names, mailbox.Name)
	}
	check(os.WriteFile("list", []byte(strings.Join(names, "\n")), 0o666))
	did("list")
	sure(imapClient.Select("INBOX", false))
	did("search", len(search(imapClient, marker+"-waiting")), len(search(imapClient, "something else")))
	all := &imap.SeqSet{}
	all.AddRange(1, 0)
	section := &imap.BodySectionName{Peek: true}
	messages := make(chan *imap.Message, 10)
	check(imapClient.Fetch(all, []imap.FetchItem{section.FetchItem()}, messages))
	check(os.WriteFile("fetched", sure(io.ReadAll((<-messages).GetBody(section))), 0o666))
	did("fetch")
	check(imapClient.Create("Work"))
	did("create")
	check(imapClient.Append("Work", nil, sure(os.Stat("message")).ModTime(), bytes.NewReader(sure(os.ReadFile("message")))))
	did("append")
	check(imapClient.Store(all, imap.FormatFlagsOp(imap.AddFlags, true), []any{imap.FlaggedFlag}, nil))
	did("flag")
	check(imapClient.UidMove(all, trash))
	did("move")
	sure(imapClient.Select(trash, false))
	check(imapClient.Store(all, imap.FormatFlagsOp(imap.AddFlags, true), []any{imap.DeletedFlag}, nil))
	check(imapClient.Expunge(nil))
	did("delete")
	sure(imapClient.Select("INBOX", false))
	updates := make(chan client.Update, 10)
	imapClient.Updates = updates
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- imapClient.Idle(stop, nil) }()
	did("idle") // whatever comes before it idles comes with the answer to IDLE
	for {
		if told, is := (<-updates).(*client.MailboxUpdate); is && told.Mailbox.Messages > 0 {
			break
		}
	}
	close(stop)
	check(<-ended)
	did("wake")
	check(imapClient.Logout())
}

func search(imapClient *client.Client, subject string) []uint32 {
	criteria := imap.NewSearchCriteria()
	criteria.Header.Add("Subject", subject)
	return sure(imapClient.Search(criteria))
}
