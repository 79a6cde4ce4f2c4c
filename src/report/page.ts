import { type Html, html } from './markup.ts';
import { STYLE } from './style.ts';
import type { RunReport } from './types.ts';

interface Page {
  readonly title: string;
  /** For the `meta` element. */
  readonly generator?: string;
  /** Added after the style of all pages. */
  readonly style?: Html;
  readonly footer?: Html;
}

/** A self-contained page: embedded images, no scripts. */
export const standAlonePage = ({ title, generator, style, footer }: Page, content: Html): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${generator !== undefined && html`<meta name="generator" content="${generator}">\n`}<title>${title} · Thaw</title>
<style>${STYLE}${style}</style>
</head>
<body>
<main>
${content}
</main>
${footer}</body>
</html>
`;

/** The page of a run's report. */
export function pageOf({ title, environment }: Pick<RunReport, 'title' | 'environment'>, content: Html): Html {
  const generator = `Thaw ${environment.thaw}`;
  const footer = html`<footer><p>Made by ${generator}. This page is one file: it loads nothing and runs no script.</p></footer>\n`;
  return standAlonePage({ title, generator, footer }, content);
}
