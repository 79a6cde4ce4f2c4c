// What the page may ask the system for: the camera without the microphone, and to put text on the clipboard.

/** @param {string | undefined} url */
const originOf = (url) => (url && URL.canParse(url) ? `${new URL(url).protocol}//${new URL(url).host}` : undefined);

/**
 * @typedef {object} Asked
 * @property {string} permission by Electron's name
 * @property {string | undefined} by address or origin of the frame that asks
 * @property {boolean} isMainFrame
 * @property {readonly string[]} [media] `video`, `audio`
 */

/**
 * @param {string} origin of the app's page
 * @param {Asked} asked
 */
export function isAllowed(origin, { permission, by, isMainFrame, media = [] }) {
  if (!isMainFrame || originOf(by) !== origin) return false;
  if (permission === 'media') return media.length > 0 && media.every((one) => one === 'video');
  return permission === 'clipboard-sanitized-write';
}

/**
 * Sets all handlers of a session by which a page gets at devices. Without a check handler Electron allows most checks.
 *
 * @param {import('electron').Session} session
 * @param {string} origin of the app's page
 */
export function restrictPermissions(session, origin) {
  session.setPermissionRequestHandler((_contents, permission, answer, details) => {
    const { requestingUrl: by, isMainFrame } = details;
    const media = 'mediaTypes' in details ? details.mediaTypes : [];
    answer(isAllowed(origin, { permission, by, isMainFrame, media }));
  });
  session.setPermissionCheckHandler((_contents, permission, by, { isMainFrame, mediaType = 'unknown' }) =>
    isAllowed(origin, { permission, by, isMainFrame, media: [mediaType] }),
  );
  // USB, serial ports, Bluetooth; and images of the screen.
  session.setDevicePermissionHandler(() => false);
  session.setDisplayMediaRequestHandler((_request, answer) => answer({}));
}

/**
 * Keeps a window, frame or worker where it is: it leads nowhere else, opens no other and embeds none.
 *
 * @param {import('electron').WebContents} contents
 */
export function confine(contents) {
  /** @param {{ preventDefault(): void }} event */
  const refuse = (event) => event.preventDefault();
  contents.on('will-navigate', refuse);
  contents.on('will-frame-navigate', refuse);
  contents.on('will-redirect', refuse);
  contents.on('will-attach-webview', refuse);
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
}
