"""The detectors that people use, audited on whole pictures: who is found, by group, at matched false alarms.

Each detector is asked once for everything down to its lowest threshold (`asking`), and its answers are kept (`store`).
A face is found where a detection matches it (`matching`); its score is that of its best match. That is one row a face,
and the audit of scores follows as it stands (`scored`, `points`). `audited.audit_pictures` does all of it.
"""
