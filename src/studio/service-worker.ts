/**
 * Keeps the page's files, so that it opens without a network once it was open with one. Answers come with the headers of
 * `src/content-security.ts` even if a plain host does not send them.
 */
import { PAGE_HEADERS, SECURITY_HEADERS } from '../content-security.ts';

/** Set by scripts/studio/build.ts: paths of all files of the page, and a name for their contents. */
declare const __FILES__: readonly string[];
declare const __VERSION__: string;

/** What is used of a service worker's scope; TypeScript has it in a library that excludes a page's. */
interface Scope {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  readonly location: Location;
  addEventListener(type: 'install' | 'activate', listen: (event: Waiting) => void): void;
  addEventListener(type: 'fetch', listen: (event: Fetching) => void): void;
}
interface Waiting {
  waitUntil(promise: Promise<unknown>): void;
}
interface Fetching {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const scope = globalThis as unknown as Scope;
const CACHE = `thaw-studio-${__VERSION__}`;

/** ONNX Runtime for WebGPU is large, and only of use with WebGPU. */
const wanted = (path: string) => !path.includes('.asyncify.') || 'gpu' in navigator;

scope.addEventListener('install', (event) => {
  const fill = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(__FILES__.filter(wanted));
    await scope.skipWaiting();
  };
  event.waitUntil(fill());
});

scope.addEventListener('activate', (event) => {
  const tidy = async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith('thaw-studio-') && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await scope.clients.claim();
  };
  event.waitUntil(tidy());
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== scope.location.origin) return;
  if (pathname.endsWith('/served.json')) event.respondWith(fetch(request).catch(noCommand));
  else if (!pathname.endsWith('/served-model.onnx'))
    event.respondWith(request.mode === 'navigate' ? newest(request) : kept(request));
});

/** The command's model and addresses are there only as long as the command. */
const noCommand = () => new Response('{}', { headers: { 'Content-Type': 'application/json' } });

/** The page itself: the server's if it answers, since it names the other files. */
async function newest(request: Request): Promise<Response> {
  try {
    return secured(await fetch(request), PAGE_HEADERS);
  } catch {
    const page = (await caches.match(request, { ignoreSearch: true })) ?? (await caches.match('./'));
    return secured(page ?? Response.error(), PAGE_HEADERS);
  }
}

/** All others have their contents or version in their names. */
async function kept(request: Request): Promise<Response> {
  return secured((await caches.match(request)) ?? (await fetch(request)), SECURITY_HEADERS);
}

function secured(response: Response, security: Readonly<Record<string, string>>): Response {
  if (response.type !== 'basic' && response.type !== 'default') return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(security)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
