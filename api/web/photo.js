// Makes photos small before they leave the device. Encoding anew drops all metadata: place, time, camera.
const LONGEST_SIDE = 1280; // pixels; the service looks at fewer, and a phone sends this in a second or two
const QUALITY = 0.85;
const THUMBNAIL = { side: 640, quality: 0.7 };

/** Most photos of one fruit that the service looks at together. */
export const MOST_PHOTOS = 5;

/**
 * Prepare a file for sending: upright, at most 1280 pixels long, as a JPEG without metadata.
 * What this browser cannot open, such as HEIC, is sent as it is: the service may know more formats.
 * Returns { blob, thumbnail }; `thumbnail` is a small data URL, null for what cannot be shown.
 */
export async function prepare(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return { blob: file, thumbnail: null };
  }
  try {
    const blob = await jpeg(painted(bitmap, LONGEST_SIDE), QUALITY);
    const thumbnail = painted(bitmap, THUMBNAIL.side).toDataURL("image/jpeg", THUMBNAIL.quality);
    return { blob, thumbnail };
  } finally {
    bitmap.close();
  }
}

function painted(bitmap, longest) {
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d", { alpha: false });
  context.fillStyle = "#fff"; // what is transparent turns white, not black
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function jpeg(canvas, quality) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The photo could not be encoded."))), "image/jpeg", quality);
  });
}
