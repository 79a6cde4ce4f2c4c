// The permissions that the example app grants to its page.
import { EventEmitter } from 'node:events';
import type { Session, WebContents } from 'electron';
import { expect, test } from 'vitest';

// Plain JavaScript, as in an app.
const { confine, isAllowed, restrictPermissions } = await import(
  new URL('../../examples/electron/permissions.js', import.meta.url).href
);

const ORIGIN = 'app://studio';
const asked = { permission: 'media', by: `${ORIGIN}/`, isMainFrame: true, media: ['video'] };

test('the page itself may use the camera and the clipboard', () => {
  expect(isAllowed(ORIGIN, asked)).toBe(true);
  expect(isAllowed(ORIGIN, { ...asked, by: ORIGIN })).toBe(true);
  expect(isAllowed(ORIGIN, { ...asked, permission: 'clipboard-sanitized-write', media: [] })).toBe(true);
});

test.each([
  ['the microphone', { media: ['audio'] }],
  ['the microphone with the camera', { media: ['video', 'audio'] }],
  ['media of no kind', { media: [] }],
  ['media of an unknown kind', { media: ['unknown'] }],
  ['a frame within it', { isMainFrame: false }],
  ['another origin', { by: 'https://elsewhere.example/' }],
  ['an origin that begins alike', { by: 'app://studio.elsewhere.example/' }],
  ['nobody in particular', { by: undefined }],
  ['reading the clipboard', { permission: 'clipboard-read' }],
  ['the place', { permission: 'geolocation' }],
  ['opening other programs', { permission: 'openExternal' }],
])('the app denies %s', (_, change) => expect(isAllowed(ORIGIN, { ...asked, ...change })).toBe(false));

test('requests and checks get the same answers, and devices are refused', () => {
  // biome-ignore lint/suspicious/noExplicitAny: called as Electron would
  const handlers: Record<string, (...given: any[]) => any> = {};
  const session = new Proxy({}, { get: (_, name: string) => (handler: () => unknown) => (handlers[name] = handler) });
  restrictPermissions(session as Session, ORIGIN);
  const requested = (mediaTypes: readonly string[]) => {
    let answered: boolean | undefined;
    const details = { requestingUrl: `${ORIGIN}/`, isMainFrame: true, mediaTypes };
    handlers.setPermissionRequestHandler({}, 'media', (given: boolean) => (answered = given), details);
    return answered;
  };
  const checked = (mediaType: string, origin = `${ORIGIN}/`) =>
    handlers.setPermissionCheckHandler(null, 'media', origin, { isMainFrame: true, mediaType });
  expect([requested(['video']), requested(['audio']), requested(['video', 'audio'])]).toEqual([true, false, false]);
  expect([checked('video'), checked('audio'), checked('video', 'https://elsewhere.example/')]).toEqual([
    true,
    false,
    false,
  ]);
  expect(handlers.setDevicePermissionHandler({})).toBe(false);
});

test('a window does not navigate or open another window', () => {
  let opened: unknown;
  const contents = Object.assign(new EventEmitter(), {
    setWindowOpenHandler: (handler: () => unknown) => (opened = handler()),
  });
  confine(contents as unknown as WebContents);
  for (const name of ['will-navigate', 'will-frame-navigate', 'will-redirect', 'will-attach-webview']) {
    let refused = false;
    contents.emit(name, { preventDefault: () => (refused = true) });
    expect(refused, name).toBe(true);
  }
  expect(opened).toEqual({ action: 'deny' });
});
