// The few signs of the page, as strokes on a 24 x 24 grid.
export const CAMERA = ["M3 8.5A1.5 1.5 0 0 1 4.5 7h2.6l1.6-2.5h6.6L16.9 7h2.6A1.5 1.5 0 0 1 21 8.5v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z", "M12 16.3a3.6 3.6 0 1 0 0-7.2 3.6 3.6 0 0 0 0 7.2z"];
export const PICTURE = ["M4.5 4h15A1.5 1.5 0 0 1 21 5.5v13a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18.5v-13A1.5 1.5 0 0 1 4.5 4z", "M3.5 17.5 9 12l4 4 2.5-2.5 5 4.5", "M15.5 9.5h.01"];
export const CAUTION = ["M12 4 2.8 19.5h18.4z", "M12 10v4.5", "M12 17.2v.1"];
export const BACK = ["M19 12H5", "M11 6l-6 6 6 6"];
export const CHECK = ["M5 12.5 10 17.5 19.5 7"];
export const CLOUD_OFF = ["M3 3l18 18", "M7 9.2A4.5 4.5 0 0 0 7.5 18H16", "M10 6.2A5.5 5.5 0 0 1 17.3 10.5 3.8 3.8 0 0 1 20 16.6"];
