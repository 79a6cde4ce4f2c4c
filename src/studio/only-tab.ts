/** Finds out whether another tab has the studio open. Two would overwrite each other's projects. */

const NAME = 'thaw-studio';

/** Milliseconds in which other tabs answer. */
const PATIENCE = 400;

/** Milliseconds after which a tab that did not answer was frozen, and the asking one has taken over. */
const FROZEN = 3000;

/** Holds the place of the only tab for as long as the page is there, unless it is taken. */
export const isOnlyTab = (): Promise<boolean> => (navigator.locks ? takesLock() : isUnanswered());

const takesLock = (): Promise<boolean> =>
  new Promise((resolve) => {
    void navigator.locks.request(NAME, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock ? new Promise(() => {}) : undefined;
    });
  });

/** When a tab asked, in milliseconds since 1970; or the answer of one that is there. */
type Message = number | 'here';

/** Over http, browsers give no locks. There, tabs ask each other. */
const isUnanswered = (): Promise<boolean> =>
  new Promise((resolve) => {
    const channel = new BroadcastChannel(NAME);
    const send = (message: Message) => channel.postMessage(message);
    const asked = Date.now();
    const timer = setTimeout(() => {
      channel.onmessage = ({ data }: MessageEvent<Message>) => {
        // Either way this tab is the second one now, which the reloaded page notices.
        if (data === 'here' || Date.now() - data > FROZEN) location.reload();
        else send('here');
      };
      resolve(true);
    }, PATIENCE);
    channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data !== 'here') {
        if (asked < data) send('here');
        return;
      }
      clearTimeout(timer);
      channel.close();
      resolve(false);
    };
    send(asked);
  });
