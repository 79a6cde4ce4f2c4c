/** The site's navigation: the sections of docs/README.md, with the pages that each lists. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Page {
  readonly text: string;
  readonly link: string;
}

export interface Section {
  readonly text: string;
  readonly items: readonly Page[];
}

/** @param docs the folder of the documentation */
export function navigationOf(docs: string): Section[] {
  const [, ...sections] = readFileSync(join(docs, 'README.md'), 'utf8').split(/^## /m);
  return sections.map((section) => ({
    text: section.slice(0, section.indexOf('\n')),
    items: [...section.matchAll(/^- \[([^\]]+)\]\(([\w/-]+)\.md\)/gm)].map(([, text, page]) => ({
      text: text!,
      link: `/${page}`,
    })),
  }));
}
