// Why a microphone or camera can't be used, told from what browsers throw.

export type DeviceKind = 'microphone' | 'camera';
export type Problem = 'denied' | 'missing' | 'busy' | 'insecure' | 'failed';

// problemOf reads a browser's DOMException, also where the Chime client wrapped it.
export function problemOf(error: unknown): Problem {
  const { cause, name } = error as { cause?: { name?: string }; name?: string };
  switch (cause?.name ?? name) {
    case 'NotAllowedError':
    case 'SecurityError':
    case 'PermissionDeniedError':
      return 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return mayUseDevices() ? 'failed' : 'insecure';
  }
}

// mayUseDevices is false on pages that weren't opened securely: there browsers
// leave navigator.mediaDevices out, against what its type says.
export function mayUseDevices(): boolean {
  return (navigator.mediaDevices as MediaDevices | undefined) !== undefined;
}
