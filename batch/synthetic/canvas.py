"""A small painter for round things: numpy fields in, a shaded, antialiased cut-out with transparency out.

Shapes are given in the object's own frame (u to the right, v downwards, about 1 in radius),
whatever way it lies in the photo; edges are antialiased from the distance to the outline, so that
nothing need be supersampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

EXTENT = 1.3
EVERYWHERE = (slice(None), slice(None))
Window = tuple[slice, slice]
Spot = Sequence[float]


@dataclass(frozen=True, slots=True)
class Solid:
    """The visible side of a shape: float32 (h, w) coverage 0..1, and unit normals towards the viewer."""

    cover: np.ndarray
    nx: np.ndarray
    ny: np.ndarray
    nz: np.ndarray
    at: Window = EVERYWHERE


def colour(rng: np.random.Generator, red: int, green: int, blue: int, spread: float = 12.0) -> np.ndarray:
    """Return float32 (3,) in 0..1: a 0..255 colour shifted at random, more in lightness than in hue."""
    shift = rng.normal(0, spread) + rng.normal(0, spread / 3, 3)
    return np.clip((np.array([red, green, blue]) + shift) / 255, 0, 1).astype(np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: float, octaves: int = 1) -> np.ndarray:
    """Return smooth float32 noise, about -1..1, with `cells` bumps along each side; octaves add detail."""
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        side = max(2, round(cells * 2**octave))
        grid = Image.fromarray(rng.uniform(-1, 1, (side, side)).astype(np.float32))
        total += np.asarray(grid.resize(shape[::-1], Image.Resampling.BICUBIC)) / 2**octave
    return total


def blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Mix two colours, (3,) or (h, w, 3), by a share (h, w) that is clipped to 0..1."""
    part = np.clip(share, 0, 1)[..., None]
    return first * (1 - part) + second * part


class Canvas:
    """A square cut-out being painted; `rgb` is premultiplied by `alpha`, both float32 0..1."""

    def __init__(self, side_px: int, angle: float, light: Sequence[float], rng: np.random.Generator) -> None:
        """Set up a canvas for an object turned by `angle` (radians), lit from `light` (x, y, z)."""
        axis = ((np.arange(side_px, dtype=np.float32) + 0.5) / side_px * 2 - 1) * EXTENT
        x, y = np.meshgrid(axis, axis)
        self._cos, self._sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        self.u, self.v = self._cos * x + self._sin * y, self._cos * y - self._sin * x
        self.light = self._in_own_frame(light)
        self.px = np.float32(2 * EXTENT / side_px)
        self.rng = rng
        self.rgb = np.zeros((side_px, side_px, 3), np.float32)
        self.alpha = np.zeros((side_px, side_px), np.float32)

    def _in_own_frame(self, light: Sequence[float]) -> np.ndarray:
        x, y, z = np.asarray(light, np.float32) / np.linalg.norm(light)
        return np.array([self._cos * x + self._sin * y, self._cos * y - self._sin * x, z], np.float32)

    def noise(self, cells: float, octaves: int = 1) -> np.ndarray:
        """Return noise over the whole canvas."""
        return noise(self.rng, self.alpha.shape, cells, octaves)

    def tint(self, red: int, green: int, blue: int, spread: float = 12.0) -> np.ndarray:
        """Return a colour, a little different every time."""
        return colour(self.rng, red, green, blue, spread)

    def in_photo_frame(self, u: Any, v: Any) -> tuple[Any, Any]:
        """Turn coordinates of the object's frame, numbers or arrays, into those of the photo."""
        return self._cos * u - self._sin * v, self._sin * u + self._cos * v

    def window(self, u: float, v: float, radius: float) -> Window:
        """Return the part of the canvas that holds a disc."""
        side = self.alpha.shape[0]
        spots = self.in_photo_frame(u, v)[::-1]
        lows = [int((spot - radius + EXTENT) / self.px) - 1 for spot in spots]
        highs = [int((spot + radius + EXTENT) / self.px) + 2 for spot in spots]
        spans = zip(lows, highs, strict=True)
        rows, columns = (slice(max(0, low), min(side, max(high, 1))) for low, high in spans)
        return rows, columns

    def round(self, radius: np.ndarray | float, at: Window = EVERYWHERE, centre: Spot = (0.0, 0.0)) -> Solid:
        """Return a ball-like solid with outline `radius`, a number or a field over the angle."""
        u, v = self.u[at] - centre[0], self.v[at] - centre[1]
        nx, ny = u / radius, v / radius
        squared = nx * nx + ny * ny
        cover = np.clip((1 - np.sqrt(squared)) * radius / self.px + 0.5, 0, 1)
        return Solid(cover, nx, ny, np.sqrt(np.clip(1 - squared, 0.0004, 1)), at)

    def ball(self, u: float, v: float, radius: float) -> Solid:
        """Return a ball, computed only where it lies."""
        return self.round(radius, self.window(u, v, radius), (u, v))

    def turned(self, stations: Sequence[float], widths: Sequence[float], bend: float = 0.0) -> Solid:
        """Return a solid of revolution: half `widths` at `stations` of the v axis, bent sideways."""
        fine = np.linspace(stations[0], stations[-1], 200)
        squares = np.interp(fine, stations, np.square(widths))
        for _ in range(2):
            squares[1:-1] = np.convolve(np.pad(squares, 12, "edge"), np.full(25, 1 / 25), "valid")[1:-1]
        profile = np.sqrt(squares)
        width = np.interp(self.v, fine, profile, left=0, right=0).astype(np.float32)
        slope = np.interp(self.v, fine, np.gradient(profile, fine)).astype(np.float32)
        u = self.u - bend * (1 - self.v**2)
        across = np.clip(u / np.maximum(width, 1e-3), -1, 1)
        steep = np.sqrt(1 + slope**2)
        cover = np.clip((width - np.abs(u)) / steep / self.px + 0.5, 0, 1) * (width > 0)
        depth = np.sqrt(np.clip(1 - across**2, 0.0004, 1))
        return Solid(cover, across / steep, -slope / steep, depth / steep)

    def spindle(self, start: Spot, end: Spot, width: float, taper: float = 0.0) -> Solid:
        """Return a rod from `start` to `end` (u, v); `taper` 0 keeps its half width, 1 makes a leaf of it."""
        (u0, v0), (u1, v1) = start, end
        length = float(np.hypot(u1 - u0, v1 - v0))
        at = self.window((u0 + u1) / 2, (v0 + v1) / 2, length / 2 + width)
        du, dv = (u1 - u0) / length, (v1 - v0) / length
        u, v = self.u[at] - u0, self.v[at] - v0
        along, aside = (u * du + v * dv) / length, v * du - u * dv
        inner = np.clip(along, 0, 1)
        half = width * (1 - taper + taper * 2.6 * inner**0.7 * (1 - inner))
        over = np.clip((np.minimum(along, 1 - along)) * length / self.px + 0.5, 0, 1)
        across = np.clip(aside / np.maximum(half, 1e-3), -1, 1)
        cover = np.clip((half - np.abs(aside)) / self.px + 0.5, 0, 1) * over
        return Solid(cover, -across * dv, across * du, np.sqrt(np.clip(1 - across**2, 0.0004, 1)), at)

    def rough(self, solid: Solid, height: np.ndarray, depth: float) -> Solid:
        """Return the solid with its normals tilted by a height field."""
        down, right = np.gradient(height[solid.at])
        nx = solid.nx - depth * (self._cos * right + self._sin * down)
        ny = solid.ny - depth * (self._cos * down - self._sin * right)
        return Solid(solid.cover, nx, ny, solid.nz, solid.at)

    def paint(
        self, solid: Solid, albedo: np.ndarray, gloss: float = 0.2, sharpness: int = 5, ambient: float = 0.34
    ) -> None:
        """Shade a solid and lay it over what is there; `gloss` is the highlight's, `sharpness` narrows it."""
        lx, ly, lz = self.light
        lit = np.clip(solid.nx * lx + solid.ny * ly + solid.nz * lz, 0, 1)
        halfway = self.light + np.array([0, 0, 1], np.float32)
        hx, hy, hz = halfway / np.linalg.norm(halfway)
        shine = np.clip(solid.nx * hx + solid.ny * hy + solid.nz * hz, 0, 1)
        for _ in range(sharpness):
            shine = shine * shine
        shade = (ambient + 0.82 * lit) * (0.72 + 0.28 * solid.nz)
        self.over(albedo * shade[..., None] + gloss * shine[..., None], solid.cover, solid.at)

    def over(self, rgb: np.ndarray, cover: np.ndarray, at: Window = EVERYWHERE) -> None:
        """Lay a colour, (3,) or (h, w, 3), over the canvas where `cover` (h, w) says so."""
        part = cover[..., None]
        self.rgb[at] = self.rgb[at] * (1 - part) + np.clip(rgb, 0, 1) * part
        self.alpha[at] = self.alpha[at] * (1 - cover) + cover

    def stain(self, rgb: np.ndarray, cover: np.ndarray, at: Window = EVERYWHERE) -> None:
        """Colour what has been painted, keeping its outline."""
        part = cover[..., None]
        self.rgb[at] = self.rgb[at] * (1 - part) + rgb * self.alpha[at][..., None] * part

    def spots(self, solid: Solid, count: int, radius: float, rgb: np.ndarray, strength: float = 0.7) -> None:
        """Scatter small spots over a solid that fills about the unit disc."""
        for _ in range(count):
            angle, reach = self.rng.uniform(0, 2 * np.pi), 0.92 * np.sqrt(self.rng.random())
            size = radius * self.rng.uniform(0.6, 1.4)
            spot = self.ball(reach * np.cos(angle), reach * np.sin(angle), size)
            self.stain(rgb, spot.cover * strength * solid.cover[spot.at], spot.at)

    def disc(self, u: float, v: float, radius: float, rgb: np.ndarray, strength: float = 1.0) -> None:
        """Lay a flat disc over what has been painted."""
        spot = self.ball(u, v, radius)
        self.stain(rgb, spot.cover * strength, spot.at)
