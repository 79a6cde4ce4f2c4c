// The studio as a desktop program. Its page is sandboxed, knows neither Node nor Electron, and loads nothing but the studio's own
// files; training happens in a utility process, with onnxruntime-node.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { app, BrowserWindow, protocol, session } from 'electron';
import { preload, startTraining } from 'thaw/electron';

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

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self' blob:",
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

/**
 * The studio's files, and no others.
 * @param {Request} request
 */
async function serveStudio({ url }) {
  const { host, pathname } = new URL(url);
  const file = join(STUDIO, pathname === '/' ? 'index.html' : decodeURIComponent(pathname));
  const contents =
    host === 'studio' && file.startsWith(STUDIO + sep) ? await readFile(file).catch(() => undefined) : undefined;
  if (!contents) return new Response('There is no such file', { status: 404 });
  const type = TYPES[extname(file)] ?? 'application/octet-stream';
  return new Response(contents, {
    headers: { 'Content-Type': type, 'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff' },
  });
}

function openStudio() {
  const window = new BrowserWindow({
    width: 1200,
    height: 860,
    webPreferences: { preload, sandbox: true, contextIsolation: true, nodeIntegration: false },
  });
  window.webContents.on('will-navigate', (event) => event.preventDefault());
  window.webContents.setWindowOpenHandler(() => ({ action: 'deny' }));
  startTraining({ window, origin: ORIGIN, projects: join(app.getPath('userData'), 'projects') });
  window.loadURL(`${ORIGIN}/`);
}

// Not awaited: Electron is ready only once this module is done.
app.whenReady().then(() => {
  protocol.handle('app', serveStudio);
  // The camera for the studio, and nothing else for anybody.
  session.defaultSession.setPermissionRequestHandler((contents, permission, answer) =>
    answer(permission === 'media' && contents.getURL().startsWith(`${ORIGIN}/`)),
  );
  openStudio();
});
app.on('window-all-closed', () => app.quit());
