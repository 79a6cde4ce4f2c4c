import type { ComponentChildren } from 'preact';
import type { Camera } from '../camera/camera.ts';
import { Icon } from './icon.tsx';

export interface CameraViewProps {
  readonly camera: Camera;
  /** What lies over the video. */
  readonly children?: ComponentChildren;
}

/** The camera's video, or why there is none. */
export const CameraView = ({ camera, children }: CameraViewProps) => (
  <div class="camera">
    <video ref={camera.video} class={camera.mirrored ? 'mirrored' : ''} muted playsInline aria-label="The camera" />
    <div class={`over ${camera.mirrored ? 'mirrored' : ''}`}>{children}</div>
    {camera.problem ? (
      <p class="invitation" role="alert">
        <strong>{camera.problem.message}</strong> {camera.problem.hint}
      </p>
    ) : (
      !camera.ready && <p class="invitation">Waiting for the camera …</p>
    )}
    <button type="button" class="quiet turn" aria-label="Use the other camera" onClick={camera.turn}>
      <Icon name="turn" />
    </button>
  </div>
);
