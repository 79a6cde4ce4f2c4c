import { type Html, html } from './markup.ts';
import { STYLE } from './style.ts';
import type { RunReport } from './types.ts';

/** A page that stands alone, around what a report says. */
export const pageOf = (data: Pick<RunReport, 'title' | 'environment'>, content: Html): Html => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Thaw ${data.environment.thaw}">
<title>${data.title} · Thaw</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${content}
</main>
<footer><p>Made by Thaw ${data.environment.thaw}. This page is one file: it loads nothing and runs no script.</p></footer>
</body>
</html>
`;
