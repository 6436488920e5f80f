/**
 * Scheme, then everything up to the last `@` of the same word. Greedy on purpose: a password may itself hold `@`, `:` or `/`
 * unescaped, and hiding too much is the safe mistake.
 */
const CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s:/@"']*):[^\s"']*@/gi;

/** The text with the password of every URL in it replaced by `***`; safe to print, whatever the text is. */
export function redactUrl(text: string): string {
  // Nearly every text that is logged has none, and looking for one sign costs a fraction of looking for all of it.
  return text.includes("@") ? text.replace(CREDENTIALS, "$1$2:***@") : text;
}
