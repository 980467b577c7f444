// System.Net.Mail.SmtpClient, as services and PowerShell's Send-MailMessage on Windows use it; here on Mono and on .NET Core.
using System;
using System.IO;
using System.Net;
using System.Net.Mail;
using System.Text;

static class Program
{
    static string Given(string name) { return Environment.GetEnvironmentVariable(name); }

    static void Main()
    {
        var user = Given("MAIL_USER");
        var client = new SmtpClient(Given("HOST"), int.Parse(Given("PORT")));
        client.Credentials = new NetworkCredential(user, Given("MAIL_PASSWORD"));
        var mail = new MailMessage(user, user, Given("SUBJECT"), File.ReadAllText("text"));
        mail.SubjectEncoding = mail.BodyEncoding = new UTF8Encoding(false); // Mono would put its mark in front
        mail.Attachments.Add(new Attachment("noise.bin"));
        client.Send(mail);
        Console.WriteLine("did send alike");
        Console.ReadLine();
    }
}
