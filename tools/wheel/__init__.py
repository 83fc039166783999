"""Makes the wheel that plain `pip install` uses: llama.cpp for all processors of a kind is in it
(ADR 0121).
"""
