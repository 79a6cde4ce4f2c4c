/** Opens the demo's report in the desktop's browser, if somebody sits in front of it. */
import { spawn } from 'node:child_process';

type Environment = Readonly<Record<string, string | undefined>>;

/** The command that opens a file as a double click does, or undefined if nobody would see the result. */
export function openerFor(platform: NodeJS.Platform, env: Environment, isTerminal: boolean): string | undefined {
  const isRemote = Boolean(env.SSH_CONNECTION || env.SSH_CLIENT || env.SSH_TTY);
  if (!isTerminal || env.CI || isRemote) return undefined;
  if (platform === 'darwin') return 'open';
  if (platform === 'win32') return 'explorer.exe';
  return env.DISPLAY || env.WAYLAND_DISPLAY ? 'xdg-open' : undefined;
}

/**
 * Starts an opener without a shell, and does not wait for the browser.
 * @returns whether it started
 */
export function openFile(opener: string, path: string): Promise<boolean> {
  const child = spawn(opener, [path], { stdio: 'ignore', detached: true });
  child.unref();
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(true));
    child.once('error', () => resolve(false));
  });
}
