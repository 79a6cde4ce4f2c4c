/** The links of the site: those that leave docs/ lead to the repository, and every other one must lead somewhere. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';

interface Places {
  readonly docs: string;
  readonly root: string;
  /** The repository's address. */
  readonly repository: string;
}

/** The parts of the site that are not pages of docs/. */
export const PARTS: RegExp = /(?:^|[ /])(?:api|try|report)\//;

/** Headings get the anchors that GitHub gives them, so that one link works in both places. */
export const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');

/** A plugin of markdown-it: links from docs/ to other files of the repository get their address. */
export function linkToRepository(md: MarkdownRenderer, { docs, root, repository }: Places): void {
  md.core.ruler.push('link-to-repository', ({ tokens, env }) => {
    const links = tokens.flatMap(({ children }) => children ?? []).filter(({ type }) => type === 'link_open');
    for (const link of links) {
      const href = link.attrGet('href') ?? '';
      if (!/^\.{0,2}[\w/]/.test(href) || /^\w+:/.test(href)) continue;
      const [path = '', anchor] = href.split('#');
      const file = resolve(docs, dirname(env.relativePath), path);
      if (!relative(docs, file).startsWith('..')) continue;
      if (!existsSync(file)) throw new Error(`${env.relativePath} links to ${href}, and there is no such file`);
      const kind = statSync(file).isDirectory() ? 'tree' : 'blob';
      const place = relative(root, file).replaceAll('\\', '/');
      link.attrSet('href', `${repository}/${kind}/main/${place}${anchor ? `#${anchor}` : ''}`);
    }
  });
}

/**
 * Links of the pages in a folder that lead to no file, or to no element of a page.
 * @param base the path of the site, such as /thaw/
 */
export function deadLinks(site: string, base: string): string[] {
  const pages = readdirSync(site, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.html') && !PARTS.test(file));
  const anchors = new Map<string, Set<string>>();
  const anchorsOf = (file: string): Set<string> => {
    const ids = anchors.get(file) ?? new Set(idsOf(readFileSync(file, 'utf8')));
    anchors.set(file, ids);
    return ids;
  };
  return pages.flatMap((page) => {
    const html = readFileSync(join(site, page), 'utf8');
    return hrefsOf(html).flatMap((href) => {
      const [path = '', anchor] = href.split('#');
      const file = path === '' ? join(site, page) : fileAt(site, base, page, path);
      if (file === undefined) return [`${page}: ${href}`];
      if (!anchor || !file.endsWith('.html') || anchorsOf(file).has(decodeURIComponent(anchor))) return [];
      return [`${page}: ${href}`];
    });
  });
}

const idsOf = (html: string): string[] => [...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id!);

/** Of links within the site. */
const hrefsOf = (html: string): string[] =>
  [...html.matchAll(/<a\s[^>]*?href="([^"]+)"/g)]
    .map(([, href]) => href!.replaceAll('&amp;', '&'))
    .filter((href) => !/^(?:[a-z]+:|\/\/)/.test(href));

function fileAt(site: string, base: string, page: string, path: string): string | undefined {
  if (path.startsWith('/') && !path.startsWith(base)) return undefined;
  const place = path.startsWith('/') ? path.slice(base.length) : join(dirname(page), path);
  const file = [place, `${place}.html`, join(place, 'index.html')]
    .map((name) => join(site, decodeURIComponent(name)))
    .find((name) => existsSync(name) && statSync(name).isFile());
  return file;
}
