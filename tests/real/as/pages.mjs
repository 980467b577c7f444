// The pages a person sees while signing in: plain HTML with ids, so that any browser driver, or a person, can fill them.
//
// It exists apart from server.mjs so that this one file decides what the pages look like. It refuses to know any rule of OAuth.

const escape = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = (title, body) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title></head>
<body><h1 id="title">${escape(title)}</h1>${body}</body></html>`;

/** Name, password, and what will be allowed: one page for both, as one step is enough for a test. */
export const signIn = (action, scopes, problem = '') => page('Sign in', `
<p id="problem">${escape(problem)}</p>
<form method="post" action="${escape(action)}">
  <p><input id="username" name="username" autocomplete="off" placeholder="name@lab.example"></p>
  <p><input id="password" name="password" type="password" autocomplete="off"></p>
  <ul>${scopes.map((scope) => `<li>${escape(scope)}</li>`).join('')}</ul>
  <p><button id="submit" type="submit">Sign in and allow</button></p>
</form>`);

/** Where the code that a device shows is typed in. The form and its field come from the provider. */
export const userCode = (form, problem = '') => page('Enter the code', `
<p id="problem">${escape(problem)}</p>
${form}
<p><button id="submit" type="submit" form="op.deviceInputForm">Next</button></p>`);

export const confirmUserCode = (form, code) => page('Is this the code on your device?', `
<p id="code">${escape(code)}</p>
${form}
<p><button id="submit" type="submit" form="op.deviceConfirmForm">Yes</button></p>`);

export const done = () => page('Signed in', '<p id="done">You may close this page.</p>');

export const failed = (error) => page('That did not work', `<pre id="problem">${escape(error)}</pre>`);
