// The studio as a desktop program. Its page is sandboxed, knows neither Node nor Electron, and loads nothing but the studio's own
// files; training happens in a utility process, with onnxruntime-node.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { app, BrowserWindow, protocol, session } from 'electron';
import { preload, startTraining } from 'thaw/electron';
import { confine, restrictPermissions } from './permissions.js';

const ORIGIN = 'app://studio';
const STUDIO = join(dirname(fileURLToPath(import.meta.resolve('thaw/package.json'))), 'dist', 'studio');

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** Of each response. A worker does not take the policy of its page but that of its own response. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "font-src 'self'",
  // The page downloads the photo model from the Hugging Face hub, once the user agrees.
  "connect-src 'self' https://huggingface.co https://*.huggingface.co https://*.hf.co",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

if (!existsSync(STUDIO)) {
  console.error(`There is no studio in ${STUDIO}. Build it first: npm run build`);
  app.exit(2);
}

// A scheme of its own gives the page an origin, which file: does not.
protocol.registerSchemesAsPrivileged([
  { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
]);
app.enableSandbox();

/** @param {string} pathname */
function decoded(pathname) {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

/**
 * The studio's files, and no others.
 * @param {Request} request
 */
async function serveStudio({ url }) {
  const { host, pathname } = new URL(url);
  const file = join(STUDIO, pathname === '/' ? 'index.html' : decoded(pathname));
  const contents =
    host === 'studio' && file.startsWith(STUDIO + sep) ? await readFile(file).catch(() => undefined) : undefined;
  const type = contents ? (TYPES[extname(file)] ?? 'application/octet-stream') : 'text/plain';
  return new Response(contents ?? 'There is no such file', {
    status: contents ? 200 : 404,
    headers: {
      'Content-Type': type,
      'Content-Security-Policy': POLICY,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    },
  });
}

function openStudio() {
  const window = new BrowserWindow({
    width: 1200,
    height: 860,
    webPreferences: { preload, sandbox: true, contextIsolation: true, nodeIntegration: false },
  });
  startTraining({ window, origin: ORIGIN, projects: join(app.getPath('userData'), 'projects') });
  window.loadURL(`${ORIGIN}/`);
}

// Not awaited: Electron is ready only once this module is done.
app.whenReady().then(() => {
  protocol.handle('app', serveStudio);
  restrictPermissions(session.defaultSession, ORIGIN);
  openStudio();
});
app.on('web-contents-created', (_event, contents) => confine(contents));
app.on('window-all-closed', () => app.quit());
