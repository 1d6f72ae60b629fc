"""The projection P_delta: three ways to cap the singular values of a matrix (Lemma 5)."""

from grustab.projection.auto import AutoProjection
from grustab.projection.cap import METHODS, TOLERANCE, ProjectionInfo
from grustab.projection.project import project

__all__ = ["METHODS", "TOLERANCE", "AutoProjection", "ProjectionInfo", "project"]
