import { type Html, html } from './markup.ts';
import { SEARCH_SCRIPT, SEARCH_SHA256 } from './search.ts';
import { STYLE } from './style.ts';
import type { RunReport } from './types.ts';

interface Page {
  readonly title: string;
  /** For the `meta` element. */
  readonly generator?: string;
  /** Added after the style of all pages. */
  readonly style?: Html;
  readonly footer?: Html;
  /** The only script that the page may run, and its SHA-256 in base64. */
  readonly script?: { readonly text: Html; readonly sha256: string };
}

/** A self-contained page: embedded images, and no scripts but a given one. */
export const standAlonePage = (
  { title, generator, style, footer, script }: Page,
  content: Html,
): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; ${script && `script-src 'sha256-${script.sha256}'; `}base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${generator !== undefined && html`<meta name="generator" content="${generator}">\n`}<title>${title} · Thaw</title>
<style>${STYLE}${style}</style>
</head>
<body>
<main>
${content}
</main>
${footer}${script && html`<script>${script.text}</script>\n`}</body>
</html>
`;

/** The page of a run's report. @param searched whether it has a search for classes */
export function pageOf(
  { title, environment }: Pick<RunReport, 'title' | 'environment'>,
  content: Html,
  { searched = false } = {},
): Html {
  const generator = `Thaw ${environment.thaw}`;
  const runs = searched ? 'Its only script searches the classes.' : 'It runs no script.';
  const footer = html`<footer><p>Made by ${generator}. This page is one file and loads nothing. ${runs}</p></footer>\n`;
  const script = searched ? { text: SEARCH_SCRIPT, sha256: SEARCH_SHA256 } : undefined;
  return standAlonePage({ title, generator, footer, script }, content);
}
