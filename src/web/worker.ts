/** The worker's script. Its first message has the options of its platform; then it serves. */
import { serve, webPort } from '../worker/index.ts';
import { type WebPlatformOptions, webPlatform } from './platform.ts';
import { runsAsThread } from './threads.ts';

declare const self: Worker;

if (!runsAsThread())
  self.addEventListener(
    'message',
    ({ data }: MessageEvent<WebPlatformOptions>) => serve(webPort(self), webPlatform(data)),
    { once: true },
  );
