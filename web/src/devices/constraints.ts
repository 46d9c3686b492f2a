// What is asked of devices. Ids are wishes, not conditions: who comes without
// last week's headset gets what is there.

export function microphoneConstraints(id: string): MediaTrackConstraints {
  return { ...wish(id), echoCancellation: true, noiseSuppression: true, autoGainControl: true };
}

// 960×540 fills a tile of a meeting; more costs every receiver and shows little.
export function cameraConstraints(id: string): MediaTrackConstraints {
  return { ...wish(id), width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 24 } };
}

function wish(id: string): MediaTrackConstraints {
  return id ? { deviceId: { ideal: id } } : {};
}
