"""Texts that speak to the judge, put into turns that it has to fail: does it listen to what it judges?"""
