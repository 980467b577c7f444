/* libetpan, the library under Claws Mail and the older mail programs of phones. */
#include <libetpan/libetpan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *host, *user, *password, *marker, *trash_name;
static int port;

static void did(const char *words)
{
    char reply[16];
    printf("did %s\n", words);
    fflush(stdout);
    if (!fgets(reply, sizeof reply, stdin)) exit(1);
}

static void sure(int code, const char *what)
{
    if (code == MAILIMAP_NO_ERROR || code == MAILIMAP_NO_ERROR_AUTHENTICATED || code == MAILIMAP_NO_ERROR_NON_AUTHENTICATED) return;
    fprintf(stderr, "%s: error %d\n", what, code);
    exit(1);
}

static char *content(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    char *bytes = malloc(1 << 24);
    if (!file || !bytes) exit(1);
    *size = fread(bytes, 1, 1 << 24, file);
    fclose(file);
    return bytes;
}

static void write_file(const char *name, const char *bytes, size_t size)
{
    FILE *file = fopen(name, "wb");
    fwrite(bytes, 1, size, file);
    fclose(file);
}

static void send_mail(void)
{
    size_t size;
    char *message = content("message", &size);
    mailsmtp *smtp = mailsmtp_new(0, NULL);
    sure(mailsmtp_socket_connect(smtp, host, port), "connect");
    sure(mailesmtp_ehlo(smtp), "EHLO");
    sure(mailesmtp_auth_sasl(smtp, "PLAIN", host, NULL, NULL, user, user, password, NULL), "AUTH");
    sure(mailesmtp_mail(smtp, user, 1, NULL), "MAIL");
    sure(mailesmtp_rcpt(smtp, user, 0, NULL), "RCPT");
    sure(mailsmtp_data(smtp), "DATA");
    sure(mailsmtp_data_message(smtp, message, size - 2 /* it ends the last line itself */), "message");
    mailsmtp_quit(smtp);
    did("send");
}

static int count(mailimap *imap, const char *subject)
{
    clist *found;
    struct mailimap_search_key *key = mailimap_search_key_new_subject(strdup(subject));
    sure(mailimap_search(imap, NULL, key, &found), "SEARCH");
    return clist_count(found);
}

static void read_mail(void)
{
    size_t size;
    char words[64], *message = content("message", &size);
    clist *answer;
    mailimap *imap = mailimap_new(0, NULL);
    struct mailimap_set *first = mailimap_set_new_single(1);
    sure(mailimap_socket_connect(imap, host, port), "connect");
    sure(mailimap_login(imap, user, password), "LOGIN");

    sure(mailimap_list(imap, "", "*", &answer), "LIST");
    FILE *list = fopen("list", "w");
    for (clistiter *at = clist_begin(answer); at; at = clist_next(at))
        fprintf(list, "%s\n", ((struct mailimap_mailbox_list *)clist_content(at))->mb_name);
    fclose(list);
    did("list");

    sure(mailimap_select(imap, "INBOX"), "SELECT");
    snprintf(words, sizeof words, "%s-waiting", marker);
    int hits = count(imap, words);
    snprintf(words, sizeof words, "search %d %d", hits, count(imap, "something else"));
    did(words);

    struct mailimap_fetch_type *body = mailimap_fetch_type_new_fetch_att(
        mailimap_fetch_att_new_body_peek_section(mailimap_section_new(NULL)));
    sure(mailimap_fetch(imap, first, body, &answer), "FETCH");
    struct mailimap_msg_att *attributes = clist_content(clist_begin(answer));
    for (clistiter *at = clist_begin(attributes->att_list); at; at = clist_next(at)) {
        struct mailimap_msg_att_item *item = clist_content(at);
        if (item->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC && item->att_data.att_static->att_type == MAILIMAP_MSG_ATT_BODY_SECTION) {
            struct mailimap_msg_att_body_section *section = item->att_data.att_static->att_data.att_body_section;
            write_file("fetched", section->sec_body_part, section->sec_length);
        }
    }
    did("fetch");
    sure(mailimap_create(imap, "Work"), "CREATE");
    did("create");
    sure(mailimap_append_simple(imap, "Work", message, size), "APPEND");
    did("append");

    struct mailimap_flag_list *flags = mailimap_flag_list_new_empty();
    mailimap_flag_list_add(flags, mailimap_flag_new_flagged());
    sure(mailimap_store(imap, first, mailimap_store_att_flags_new_add_flags(flags)), "STORE");
    did("flag");
    struct mailimap_flag_list *deleted = mailimap_flag_list_new_empty();
    mailimap_flag_list_add(deleted, mailimap_flag_new_deleted());
    struct mailimap_store_att_flags *delete = mailimap_store_att_flags_new_add_flags(deleted);
    sure(mailimap_copy(imap, first, trash_name), "COPY");
    sure(mailimap_store(imap, first, delete), "STORE");
    sure(mailimap_expunge(imap), "EXPUNGE");
    did("move");
    sure(mailimap_select(imap, trash_name), "SELECT");
    sure(mailimap_store(imap, first, delete), "STORE");
    sure(mailimap_expunge(imap), "EXPUNGE");
    did("delete");

    sure(mailimap_select(imap, "INBOX"), "SELECT");
    sure(mailimap_idle(imap), "IDLE");
    did("idle");
    while (imap->imap_selection_info->sel_exists == 0 && mailstream_wait_idle(imap->imap_stream, 60) == MAILSTREAM_IDLE_HASDATA) {
        char *line = mailimap_read_line(imap);
        if (!line) exit(1);
        if (strstr(line, "EXISTS")) break;
    }
    sure(mailimap_idle_done(imap), "DONE");
    did("wake");
    mailimap_logout(imap);
}

static void take(void)
{
    char words[128], *bytes;
    size_t size;
    carray *messages;
    mailpop3 *pop3 = mailpop3_new(0, NULL);
    sure(mailpop3_socket_connect(pop3, host, port), "connect");
    sure(mailpop3_user(pop3, user), "USER");
    sure(mailpop3_pass(pop3, password), "PASS");
    mailpop3_list(pop3, &messages);
    snprintf(words, sizeof words, "stat %u", carray_count(messages));
    did(words);
    snprintf(words, sizeof words, "uidl %s %s", ((struct mailpop3_msg_info *)carray_get(messages, 0))->msg_uidl,
             ((struct mailpop3_msg_info *)carray_get(messages, 1))->msg_uidl);
    did(words);
    sure(mailpop3_top(pop3, 1, 0, &bytes, &size), "TOP");
    write_file("top", bytes, size);
    did("top");
    sure(mailpop3_retr(pop3, 1, &bytes, &size), "RETR");
    write_file("fetched", bytes, size);
    did("retr");
    sure(mailpop3_dele(pop3, 1), "DELE");
    sure(mailpop3_quit(pop3), "QUIT");
    did("dele");
}

int main(int argc, char **arguments)
{
    (void)argc;
    host = getenv("HOST"), port = atoi(getenv("PORT")), user = getenv("MAIL_USER"), password = getenv("MAIL_PASSWORD");
    marker = getenv("MARKER"), trash_name = getenv("TRASH");
    switch (arguments[1][0]) {
    case 's': send_mail(); break;
    case 'i': read_mail(); break;
    default: take();
    }
    return 0;
}
