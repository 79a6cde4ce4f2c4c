/** The site: the pages of docs/, with VitePress. What is not Markdown is built into PUBLIC by build.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { anchorOf, linkToRepository, PARTS } from './links.ts';
import { navigationOf } from './navigation.ts';
import { emptyHeadersAsCells } from './tables.ts';

/** VitePress bundles this file into another folder, but starts in the root of the repository. */
const ROOT = process.cwd();
const DOCS = join(ROOT, 'docs');
const { repository, description } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const REPOSITORY: string = repository.url.replace(/^git\+|\.git$/g, '');
const [, OWNER, NAME] = /github\.com\/([^/]+)\/([^/]+)$/.exec(REPOSITORY)!;
const BASE = `/${NAME}/`;
const sections = navigationOf(DOCS);

/** Pages that VitePress does not render. They open without its router. */
const API = { text: 'API', link: '/api/index.html', target: '_self' };
const REPORT = { text: 'Report of the demo', link: '/report/layer-by-layer/report.html', target: '_self' };
const STUDIO = { text: 'Live studio', link: '/try/index.html', target: '_self' };
const MORE: Readonly<Record<string, readonly { text: string; link: string; target: string }[]>> = {
  Tutorials: [STUDIO, REPORT],
  Reference: [API],
};

export default defineConfig({
  title: 'Thaw',
  description,
  lang: 'en',
  base: BASE,
  srcDir: DOCS,
  outDir: join(ROOT, '.cache', 'site'),
  cacheDir: join(ROOT, '.cache', 'vitepress'),
  rewrites: { 'README.md': 'index.md' },
  lastUpdated: true,
  sitemap: { hostname: `https://${OWNER}.github.io${BASE}` },
  head: [['link', { rel: 'icon', href: `${BASE}try/icon.svg`, type: 'image/svg+xml' }]],
  // build.ts checks these, and all anchors.
  ignoreDeadLinks: [PARTS],
  markdown: {
    anchor: { slugify: anchorOf },
    config: (md) => {
      linkToRepository(md, { docs: DOCS, root: ROOT, repository: REPOSITORY });
      emptyHeadersAsCells(md);
    },
  },
  vite: { publicDir: join(ROOT, '.cache', 'site-public') },
  transformPageData(page) {
    if (page.relativePath === 'index.md') page.frontmatter = home;
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [{ text: 'Documentation', link: '/first-model', activeMatch: '^/(?!api|report|try)' }, API, STUDIO, REPORT],
    sidebar: sections.map(({ text, items }) => ({ text, items: [...items, ...(MORE[text] ?? [])] })),
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
    editLink: { pattern: `${REPOSITORY}/edit/main/docs/:path`, text: 'Edit this page' },
    footer: { message: 'Released under the MIT licence.' },
  },
});

const home = {
  layout: 'home',
  hero: {
    name: 'Thaw',
    text: 'Fine-tune ONNX models in JavaScript',
    tagline: 'In Node, in the browser and in Electron, on your own data and on your own device. No Python, no server.',
    actions: [
      { theme: 'brand', text: 'Train your first model', link: '/first-model' },
      { theme: 'alt', text: 'Try the studio', link: '/try/index.html', target: '_self' },
      { theme: 'alt', text: 'See a report', link: '/report/layer-by-layer/report.html', target: '_self' },
    ],
  },
};
