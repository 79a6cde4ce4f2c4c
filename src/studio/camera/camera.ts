import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { blobOf } from '../files/images.ts';
import type { Problem } from '../state/types.ts';

/** Pixels of a camera image's side. */
const SIDE = 320;

/** Whether the browser gives this page a live camera. Over http from another machine, it does not. */
export const hasLiveCamera = (): boolean => navigator.mediaDevices !== undefined;

type Facing = 'user' | 'environment';

/** A camera for as long as the component is there. */
export function useCamera() {
  const video = useRef<HTMLVideoElement>(null);
  const facing = useSignal<Facing>('user');
  const ready = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  const wanted = facing.value;

  useEffect(() => {
    let stream: MediaStream | undefined;
    let gone = false;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const open = async () => {
      ready.value = false;
      problem.value = undefined;
      try {
        if (!hasLiveCamera()) throw new DOMException('', 'InsecureContextError');
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: wanted }, audio: false });
        if (gone) return stop();
        video.current!.srcObject = stream;
        await video.current!.play();
        ready.value = true;
      } catch (error) {
        if (!gone) problem.value = inWords((error as Error).name);
      }
    };
    void open();
    return () => {
      gone = true;
      stop();
    };
  }, [wanted]);

  return {
    video,
    ready: ready.value,
    problem: problem.value,
    /** Whether it looks at who uses it, as into a mirror. */
    mirrored: wanted === 'user',
    turn: () => {
      facing.value = wanted === 'user' ? 'environment' : 'user';
    },
    /** The middle of the current frame. */
    take: () => (ready.value && video.current ? squareOf(video.current) : Promise.resolve(undefined)),
  };
}

export type Camera = ReturnType<typeof useCamera>;

function squareOf(video: HTMLVideoElement): Promise<Blob> {
  const { videoWidth, videoHeight } = video;
  const side = Math.min(videoWidth, videoHeight);
  const canvas = document.createElement('canvas');
  canvas.width = SIDE;
  canvas.height = SIDE;
  const [left, top] = [(videoWidth - side) / 2, (videoHeight - side) / 2];
  canvas.getContext('2d')!.drawImage(video, left, top, side, side, 0, 0, SIDE, SIDE);
  return blobOf(canvas, 'image/jpeg');
}

/** @param name of the browser's error */
function inWords(name: string): Problem {
  switch (name) {
    case 'NotAllowedError':
      return { message: 'The camera is blocked.', hint: 'Allow it where the browser shows the page’s address.' };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { message: 'There is no camera.', hint: 'Add files, paste, or draw.' };
    case 'NotReadableError':
      return { message: 'Another program has the camera.', hint: 'Close it and try again.' };
    case 'InsecureContextError':
      return { message: 'The browser gives no camera here.', hint: 'Open the page over https, or on this machine.' };
    default:
      return { message: 'The camera does not start.', hint: 'Add files, paste, or draw.' };
  }
}
