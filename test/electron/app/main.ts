/**
 * The main process of the test program for Electron itself: `electron FOLDER IMAGES MODEL SETTINGS`. Its last line is
 * the result.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { app, BrowserWindow, dialog, protocol } from 'electron';
import { preload, startTraining } from '../../../src/electron/index.ts';

const [images, model, settings] = process.argv.slice(-3);
const folder = import.meta.dirname;
protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);
const picks = [[images], [model]];
dialog.showOpenDialog = async () => ({ canceled: false, filePaths: picks.shift()! });

// Not awaited, because Electron becomes ready after this module.
app.whenReady().then(checkPage);

async function checkPage(): Promise<void> {
  protocol.handle('app', async (request) => {
    const isPage = new URL(request.url).pathname === '/';
    return isPage
      ? new Response('<!doctype html><title>Thaw</title><script type="module" src="page.js"></script>', {
          headers: { 'Content-Type': 'text/html', 'Content-Security-Policy': "default-src 'none'; script-src 'self'" },
        })
      : new Response(await readFile(join(folder, 'page.js')), { headers: { 'Content-Type': 'text/javascript' } });
  });
  const window = new BrowserWindow({
    show: false,
    webPreferences: { preload, sandbox: true, contextIsolation: true, nodeIntegration: false },
  });
  startTraining({ window, origin: 'app://test', projects: join(folder, 'projects') });
  await window.loadURL('app://test/');
  const checked = window.webContents.executeJavaScript(`check(${settings})`);
  const timer = setInterval(async () => {
    if (!(await window.webContents.executeJavaScript('globalThis.trainingOn'))) return;
    clearInterval(timer);
    for (const { name, pid } of app.getAppMetrics()) if (name === 'Thaw training') process.kill(pid, 'SIGKILL');
  }, 50);
  try {
    console.log(JSON.stringify(await checked));
    app.exit(0);
  } catch (error) {
    console.error(error);
    app.exit(1);
  }
}
