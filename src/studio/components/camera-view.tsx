import type { Camera } from '../camera/camera.ts';
import { Icon } from './icon.tsx';

/** The camera's video, or why there is none. */
export const CameraView = ({ camera }: { readonly camera: Camera }) => (
  <div class="camera">
    <video ref={camera.video} class={camera.mirrored ? 'mirrored' : ''} muted playsInline aria-label="The camera" />
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
