/**
 * Opens a page in the default browser, and does not wait for it.
 *
 * @param onFailure called, maybe later, if no browser opens
 */
export async function openInBrowser(url: string, onFailure: () => void): Promise<void> {
  try {
    const { default: open } = await import('open');
    const launcher = await open(url);
    if (launcher.exitCode) onFailure();
    else launcher.once('exit', (code) => code && onFailure());
  } catch {
    onFailure();
  }
}
