use super::*;

fn registration(grant: Grant, outbound: SetupOutbound, others: &[String]) -> Registration<'_> {
    let (provider, tenant, address) = ("microsoft365", "contoso.com", "ann@contoso.com");
    let certificate_der = Some("MIIB".to_owned());
    let (client_id, certificate, send_as) = (None, None, Vec::new());
    Registration {
        provider,
        tenant,
        address,
        others,
        send_as,
        grant,
        outbound,
        client_id,
        certificate,
        certificate_der,
    }
}

/// One of the same name may be another app: `gatepost setup` goes on with the id that the configuration has.
#[test]
fn an_app_that_has_an_id_is_found_by_that_and_ceases_to_be_public_where_it_acts_by_itself() {
    for (grant, is_by_itself) in [(Grant::DeviceCode, false), (Grant::ClientCredentials, true)] {
        let of = |client_id| Registration { client_id, ..registration(grant, SetupOutbound::Smtp, &[]) };
        let text = script(&of(Some("c-1".to_owned())), Lang::En);
        let (_, behind) =
            text.split_once("$id = 'c-1'\n$app = Get-MgApplication -Filter \"appId eq '$id'\"\n").unwrap();
        let (ahead, _) = behind.split_once("displayName eq 'Gatepost'").unwrap();
        assert!(ahead.starts_with("if (-not $app) {\n  Write-Warning 'The app of the configuration"), "{text}");
        assert_eq!(text.contains("-IsFallbackPublicClient:$false\n"), is_by_itself, "{text}");
        let text = script(&of(None), Lang::En);
        assert!(!text.contains("$id = ") && !text.contains("-IsFallbackPublicClient:$false\n"), "{text}");
    }
}

#[test]
fn a_person_consents_to_mail_alone_and_graph_comes_only_where_it_is_used() {
    let code = |text: String| text.lines().filter(|line| !line.trim().starts_with('#')).collect::<Vec<_>>().join("\n");
    let text = code(script(&registration(Grant::AuthorizationCode, SetupOutbound::Smtp, &[]), Lang::En));
    assert!(text.contains("'IMAP.AccessAsUser.All', 'POP.AccessAsUser.All', 'SMTP.Send', 'offline_access'"), "{text}");
    assert!(text.contains("-ConsentType 'Principal'") && !text.contains("AllPrincipals"), "{text}");
    assert!(text.contains("Set-CASMailbox -Identity $mailbox -SmtpClientAuthenticationDisabled $false"), "{text}");
    for wrong in ["Mail.Send'", "Set-TransportConfig", "AsApp", "Add-MailboxPermission"] {
        assert!(!text.contains(wrong), "{wrong}: {text}");
    }
    let text = code(script(&registration(Grant::AuthorizationCode, SetupOutbound::Graph, &[]), Lang::En));
    assert!(text.contains("'Mail.Send'") && !text.contains("Set-CASMailbox"), "SMTP AUTH may stay off: {text}");
}

#[test]
fn an_app_gets_the_named_mailboxes_and_never_the_right_to_send_as_everybody() {
    let others = ["info@contoso.com".to_owned()];
    let text = script(&registration(Grant::ClientCredentials, SetupOutbound::Smtp, &others), Lang::En);
    assert!(text.contains("-ObjectId $enterprise.Id") && text.contains("$others = @('info@contoso.com')"), "{text}");
    assert!(text.contains("'Application SMTP.SendAsApp' -CustomResourceScope 'Gatepost'"), "{text}");
    assert!(text.contains("$wanted = @('IMAP.AccessAsApp', 'POP.AccessAsApp')"), "{text}");
    assert!(text.contains("Key = [Convert]::FromBase64String('MIIB')"), "{text}");
    assert!(!text.contains("Application Mail.Send"), "{text}");
}

/// The person who signed in before had the right; mail in these names failed until somebody asked the doctor.
#[test]
fn an_app_may_send_as_what_the_configuration_lets_its_mailboxes_send_as() {
    for (grant, is_by_itself) in [(Grant::DeviceCode, false), (Grant::ClientCredentials, true)] {
        let of = |send_as: &[&str]| {
            let send_as = send_as.iter().map(|one| (*one).to_owned()).collect();
            script(&Registration { send_as, ..registration(grant, SetupOutbound::Smtp, &[]) }, Lang::En)
        };
        let text = of(&["info@contoso.com", "o'brien@contoso.com"]);
        let gives = "foreach ($one in @('info@contoso.com', 'o''brien@contoso.com')) {\n  \
                     $null = Add-RecipientPermission -Identity $one -Trustee $enterprise.Id -AccessRights SendAs -Confirm:$false\n}";
        assert_eq!(text.contains(gives), is_by_itself, "{text}");
        assert!(!of(&[]).contains("Add-RecipientPermission"));
    }
}

#[test]
fn an_app_that_is_there_is_extended_by_what_is_missing_and_loses_nothing() {
    for (grant, resource) in [(Grant::DeviceCode, "$graph"), (Grant::ClientCredentials, "$exchange")] {
        let text = script(&registration(grant, SetupOutbound::SmtpThenGraph, &[]), Lang::En);
        let (_, there) = text.split_once("} else {\n").unwrap();
        let (there, _) = there.split_once("\n}\n").unwrap();
        for line in [
            format!("$rest = @($app.RequiredResourceAccess | Where-Object ResourceAppId -ne {resource}.AppId)"),
            "$new = @($access | Where-Object { $_.Id -notin $ids })".to_owned(),
            format!("($rest + @{{ ResourceAppId = {resource}.AppId; ResourceAccess = $had + $new }}) }}"),
        ] {
            assert!(there.contains(&line), "{line}: {there}");
        }
        assert_eq!(text.matches('{').count(), text.matches('}').count(), "{text}");
        assert_eq!(text.matches('(').count(), text.matches(')').count(), "{text}");
    }
    let text = script(&registration(Grant::DeviceCode, SetupOutbound::Smtp, &[]), Lang::En);
    for line in [
        "if ($public -and -not $app.IsFallbackPublicClient) { Update-MgApplication -ApplicationId $app.Id -IsFallbackPublicClient:$true }",
        "if ('http://localhost' -notin $uris) {",
        "$missing = @($wanted | Where-Object { $_ -notin $scopes })",
        "-OAuth2PermissionGrantId $grant.Id -Scope (($scopes + $missing) -join ' ')",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// `-ErrorAction SilentlyContinue` hides every error, and not only that something is there already.
#[test]
fn what_a_step_says_that_changes_something_is_never_hidden() {
    for grant in [Grant::DeviceCode, Grant::ClientCredentials] {
        let text =
            script(&registration(grant, SetupOutbound::SmtpThenGraph, &["info@contoso.com".to_owned()]), Lang::En);
        for line in text.lines().filter(|line| line.contains("SilentlyContinue")) {
            let (call, _) = line.split_once(" -ErrorAction").unwrap();
            let cmdlet = call
                .split([' ', '('])
                .rfind(|word| word.starts_with(char::is_uppercase) && word.contains('-'))
                .unwrap();
            assert!(cmdlet.starts_with("Get-"), "{line}");
        }
    }
}

/// 64 characters are the most of it, an object id is 36 of them.
#[test]
fn the_name_of_a_role_has_room_for_the_object_id() {
    let text = script(&registration(Grant::ClientCredentials, SetupOutbound::SmtpThenGraph, &[]), Lang::En);
    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("$name = \"")).collect();
    assert_eq!(names.len(), 2, "{text}");
    for name in names {
        assert!(name.trim_end_matches("$($enterprise.Id)\"").len() + 36 <= 64, "{name}");
    }
}

/// One that was registered anew finds the role of the one before.
#[test]
fn the_role_of_another_app_in_the_same_scope_is_none_of_this_one() {
    for outbound in [SetupOutbound::Smtp, SetupOutbound::Graph, SetupOutbound::SmtpThenGraph] {
        let text = script(&registration(Grant::ClientCredentials, outbound, &[]), Lang::En);
        let looks: Vec<_> = text.lines().filter(|line| line.contains("Get-ManagementRoleAssignment")).collect();
        assert!(!looks.is_empty(), "{text}");
        for look in looks {
            let finds = "| Where-Object { $_.Name -eq $name -or $_.RoleAssigneeName -eq $enterprise.Id })";
            assert!(look.contains(finds), "{look}");
        }
    }
}

#[test]
fn each_cloud_has_its_own_names() {
    for (provider, graph, exchange) in [
        ("microsoft365-gcc-high", "-Environment USGov ", "O365USGovGCCHigh "),
        ("microsoft365-dod", "-Environment USGovDoD ", "O365USGovDoD "),
        ("microsoft365-china", "-Environment China ", "O365China "),
    ] {
        let one = Registration { provider, ..registration(Grant::ClientCredentials, SetupOutbound::Smtp, &[]) };
        let text = script(&one, Lang::Ja);
        assert!(text.contains(graph) && text.contains(exchange), "{text}");
    }
}

#[test]
fn no_address_becomes_code() {
    let address = "x';calc;'@contoso.com";
    let one = Registration { address, ..registration(Grant::AuthorizationCode, SetupOutbound::Smtp, &[]) };
    assert!(script(&one, Lang::En).contains("$mailbox = 'x'';calc;''@contoso.com'\n"));
}
